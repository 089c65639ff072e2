# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Report: the figures of a run, printed as they come, and written as a page with a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

DOCS = Path(__file__).parents[1] / "docs"
_HEAD = """<!-- Written by benchmarks/overhead.py --write; do not edit. -->

# Performance

What observing and pricing a call costs above the bare SDK, in CPU time, beside the other instrumentations, measured in one run:

```sh
python benchmarks/overhead.py --write
```

"Floor" is the bare OpenTelemetry work: the same span with the same attributes and the same histogram records, every value known
beforehand. An overhead is the median over the rounds of the difference to the bare SDK in the same round; in brackets the
quartiles.
Figures of another machine differ; the ratios differ less.

![Overhead of a chat call and of a stream](performance.svg)
"""


class Spread(Protocol):
    """A median and its quartiles, in seconds."""

    median: float
    lower: float
    upper: float


def micros(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} µs" if abs(seconds) < 1e-3 else f"{seconds * 1e3:,.2f} ms"


class Page:
    """Collects what is measured.

    Args:
        setting: versions and machine, in a few words.
        installed: versions of the instrumentations that took part.
    """

    def __init__(self, setting: str, installed: Mapping[str, str]) -> None:
        versions = ", ".join(f"{name} {version}" for name, version in installed.items())
        self._parts = [f"Measured with {setting}; {versions}."]
        self._plotted: dict[str, Mapping[str, Spread]] = {}
        self._figures: list[tuple[str, str, str]] = []
        print(self._parts[0])

    def overheads(self, title: str, found: Mapping[str, Spread], targets: Sequence[tuple[str, float]]) -> None:
        """Overheads by contender, with ours as a multiple of others'."""
        self._plotted[title] = found
        lines = [f"## {title[0].upper()}{title[1:]}", "", f"Bare: {micros(found['bare'].median)}.", ""]
        # A multiple of what cannot be told from nothing says nothing.
        others = [name for name in ("floor", "official") if name in found and found[name].lower > 0]
        lines += [
            "| | overhead |" + "".join(f" × {name} |" for name in others),
            "|---|---|" + "---|" * len(others),
        ]
        for name, each in found.items():
            if name == "bare":
                continue
            shares = [f"{each.median / found[other].median:.2f}" for other in others]
            between = f"{micros(each.median)} ({micros(each.lower)} to {micros(each.upper)})"
            lines.append(f"| {name} | {between} |" + "".join(f" {share} |" for share in shares))
        for other, most in targets:
            if other in others:
                share = found["openai_cost"].median / found[other].median
                lines += ["", f"Aim: at most {most} × {other}; {verdict(share <= most)} at {share:.2f}."]
        self._say(lines)

    def each_chunk(self, found: Mapping[str, float], runs: int, most: float) -> None:
        """Overhead of each further chunk of a stream, the median over so many processes."""
        lines = [
            "## Each chunk of a stream",
            "",
            f"Each alone with the bare SDK in processes of its own, the median over {runs}: where a process has its memory makes a "
            "difference of a microsecond.",
            "",
            "| | overhead |",
            "|---|---|",
        ]
        lines += [f"| {name} | {seconds * 1e6:.2f} µs |" for name, seconds in found.items()]
        ours = found["openai_cost"]
        self._say([*lines, "", f"Aim: at most {most * 1e6:g} µs; {verdict(ours <= most)} at {ours * 1e6:.2f} µs."])

    def figure(self, name: str, seconds: float, most: float) -> None:
        """One figure of ours alone."""
        self._figures.append((name, micros(seconds), f"at most {micros(most)}, {verdict(seconds <= most)}"))
        print("\n" + " · ".join(self._figures[-1]))

    def additions(self, found: Mapping[str, float], bare: Mapping[str, float], most: float) -> None:
        """What attribution and roll-up add to a call, and how much of it is the bare OpenTelemetry work."""
        lines = [
            "## Whose money",
            "",
            "Two attributes from baggage, totals on two live spans above the call; nothing of it where they are off.",
            "",
            "| | added to a call | of this, bare OpenTelemetry work |",
            "|---|---|---|",
        ]
        lines += [f"| {name} | {micros(seconds)} | {micros(bare[name])} |" for name, seconds in found.items()]
        both = found["both"]
        self._say(
            [*lines, "", f"Aim: at most {micros(most)}, both together; {verdict(both <= most)} at {micros(both)}."]
        )

    def starts(self, found: Mapping[str, float]) -> None:
        """Import and ``instrument()``, in a process that has loaded openai and the OpenTelemetry SDK."""
        lines = ["## Import and `instrument()`", "", "| | CPU time |", "|---|---|"]
        self._say(lines + [f"| {name} | {micros(seconds)} |" for name, seconds in found.items()])

    def memory(self, calls: int, kept: float, chunks: int, peaks: Mapping[str, float]) -> None:
        """Memory kept by so many calls after the first tenth, and the peak of a stream of so many chunks."""
        lines = ["## Memory", "", f"Kept by {calls:,} calls after the first tenth of them: {kept / 1024:.1f} KiB.", ""]
        lines += [f"| | peak of a stream of {chunks:,} chunks |", "|---|---|"]
        self._say(lines + [f"| {name} | {size / 1024:,.0f} KiB |" for name, size in peaks.items()])

    def write(self) -> None:
        """Writes ``docs/performance.md`` and ``docs/performance.svg``."""
        figures = ["\n## Of ours alone", "", "| | | aim |", "|---|---|---|"]
        figures += [f"| {' | '.join(row)} |" for row in self._figures]
        (DOCS / "performance.md").write_text("\n".join([_HEAD, *self._parts, *figures, ""]), encoding="utf-8")
        self._plot(DOCS / "performance.svg")

    def _plot(self, path: Path) -> None:
        import matplotlib as mpl

        mpl.use("svg")
        mpl.rcParams["svg.hashsalt"] = "performance"
        from matplotlib import pyplot

        titles = list(self._plotted)[:2]
        figure, axes = pyplot.subplots(1, len(titles), figsize=(9, 2.6), layout="constrained")
        for axis, title in zip(axes, titles, strict=True):
            found = {name: each for name, each in self._plotted[title].items() if name != "bare"}
            names = list(found)
            colours = ["#2b6cb0" if name == "openai_cost" else "#a0aec0" for name in names]
            medians = [each.median * 1e6 for each in found.values()]
            errors = [
                [max(0.0, (each.median - each.lower) * 1e6) for each in found.values()],
                [max(0.0, (each.upper - each.median) * 1e6) for each in found.values()],
            ]
            axis.barh(names, medians, xerr=errors, color=colours, error_kw={"elinewidth": 0.8})
            axis.invert_yaxis()
            axis.set_title(f"{title}: µs above the bare SDK", fontsize=9)
            axis.tick_params(labelsize=8)
            axis.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})

    def _say(self, lines: Sequence[str]) -> None:
        text = "\n".join(lines)
        self._parts.append("\n" + text)
        print("\n" + text)


def verdict(met: bool) -> str:
    return "met" if met else "missed"
