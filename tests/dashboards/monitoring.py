# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""An application that Prometheus scrapes, beside eight days of the past of another one."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboards import history
from dashboards.distribution import Tools
from dashboards.panels import RULES
from dashboards.prometheus import Prometheus, promtool, wait_until
from dashboards.shop import SERVICE, Shop
from support.server import Server

BEFORE, AFTER = 2, 3
"""Batches of calls before the first scrape, and after it."""


@dataclass(frozen=True)
class Monitored:
    """What the tests ask about."""

    prometheus: Prometheus
    now: float
    """The end of the known past."""
    scraped: float
    """When everything that the scraped application did was known."""
    batches: int
    """Batches of calls that the scraped application made."""


@contextmanager
def monitor(server: Server, tools: Tools, directory: Path) -> Iterator[Monitored]:
    """The application has worked, and every number of it has been scraped."""
    with ExitStack() as stack:
        shop = Shop(server)
        stack.callback(shop.close)
        shop.work()
        now = remember(tools, history.openmetrics(shop.exposed(), float(int(time.time()))), directory)
        shop.work(BEFORE - 1)
        prometheus = Prometheus(tools, directory, _configuration(shop.target, _hasty_rules(directory)))
        stack.callback(prometheus.close)
        _wait_for(prometheus, shop)
        shop.work(AFTER)
        _wait_for(prometheus, shop)
        yield Monitored(prometheus, now, time.time(), shop.batches)


def remember(tools: Tools, past: history.Past, directory: Path) -> float:
    """Gives Prometheus the past, before it starts; the time at which it ends."""
    file = directory / "history.txt"
    file.write_text("\n".join(past.lines) + "\n", encoding="utf-8")
    promtool(
        tools, "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=24h", "--quiet",
        str(file), str(directory / "data"),
    )  # fmt: skip
    return past.now


def _hasty_rules(directory: Path) -> Path:
    """The rules, evaluated every second."""
    for file in RULES.glob("*.rules.yml"):
        text = re.sub(r"\n    interval: \w+\n", "\n", file.read_text(encoding="utf-8"))
        (directory / file.name).write_text(text, encoding="utf-8")
    return directory / "*.rules.yml"


def _configuration(target: str, rules: Path) -> dict[str, object]:
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": SERVICE, "static_configs": [{"targets": [target]}]}],
    }


def _wait_for(prometheus: Prometheus, shop: Shop) -> None:
    """Until the failed calls of all batches, the last ones, have been scraped twice."""
    failed = f'gen_ai_client_operation_duration_seconds_count{{job="{SERVICE}", error_type=~".*RateLimitError"}}'

    def scraped() -> bool:
        seen = [prometheus.query(f"sum({failed}{moment})") for moment in ("", " offset 2s")]
        return [[sample.value for sample in samples] for samples in seen] == [[shop.batches]] * 2

    wait_until(scraped, "everything is scraped", prometheus.log)
