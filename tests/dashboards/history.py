# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Eight days of an application's past, made from what it really exposes after one batch of calls.

One batch was made every five minutes, two of them on the last day, half of one on the eighth day back: every counter is
that many times the one that was exposed.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

STEP = 300
"""Seconds between two samples."""
DAY = 86400
DAYS = 8
SERVICE = "warehouse"
INSTANCE = "the-past"

_SAMPLE = re.compile(r"^(?P<name>[^{ ]+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)$")
_TYPE = re.compile(r"^# TYPE (?P<name>\S+) (?P<kind>\S+)$")
_BUCKETS_SINCE = 7200


def per_step(ago: float) -> float:
    """Batches made in a step that ended so many seconds ago."""
    if ago < DAY:
        return 2.0
    return 0.5 if ago >= 7 * DAY else 1.0


def batches(now: float) -> list[tuple[float, float]]:
    """The times of samples, and how many batches had been made by then."""
    made, points = 0.0, []
    for number in range(DAYS * DAY // STEP, -1, -1):
        ago = number * STEP
        made += per_step(ago)
        points.append((now - ago, made))
    return points


@dataclass(frozen=True)
class Past:
    """The past as lines of the OpenMetrics format, and when it ends, in seconds since the epoch."""

    lines: list[str]
    now: float

    def respelt(self, spelt: Callable[[str], str]) -> "Past":
        """The same samples under other names, which OpenMetrics has no types for."""
        samples = [spelt(line) for line in self.lines if not line.startswith("#")]
        return Past([*samples, "# EOF"], self.now)


def openmetrics(exposed: str, now: float) -> Past:
    """The past.

    Args:
        exposed: what the application exposes after one batch, as OpenMetrics.
        now: when it ends.
    """
    return Past(list(_lines(exposed, now)), now)


def _lines(exposed: str, now: float) -> Iterator[str]:
    points = batches(now)
    kind = ""
    for line in exposed.splitlines():
        if line.startswith("#"):
            found = _TYPE.match(line)
            kind = found["kind"] if found else kind
            if not line.startswith("# EOF"):
                yield line
            continue
        sample = _SAMPLE.match(line)
        assert sample, line
        scaled: Callable[[float, float], float] = (
            (lambda value, _: value) if kind in ("gauge", "info") else (lambda value, by: value * by)
        )
        value = float(sample["value"])
        labels = f'job="{SERVICE}",instance="{INSTANCE}",{sample["labels"] or ""}'.rstrip(",")
        since = now - _BUCKETS_SINCE if sample["name"].endswith("_bucket") else 0.0
        for at, times in points:
            if at >= since:
                yield f"{sample['name']}{{{labels}}} {scaled(value, times)!r} {at:.3f}"
    yield "# EOF"
