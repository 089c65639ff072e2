# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The queries of a Grafana dashboard, with its variables filled in as Grafana does."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "dashboards" / "grafana"
RULES = ROOT / "dashboards" / "prometheus"

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


@dataclass(frozen=True)
class Query:
    """One query of a panel, variables not yet filled in."""

    panel: str
    ref: str
    expr: str
    instant: bool

    @property
    def name(self) -> str:
        """For the names of tests."""
        return f"{self.panel} {self.ref}"

    def filled(self, values: Mapping[str, str]) -> str:
        """The expression as Grafana sends it."""
        return fill(self.expr, values)

    @property
    def looks_back(self) -> bool:
        """Whether it asks for what was before the range."""
        return " offset " in self.expr


def dashboard(uid: str) -> dict[str, Any]:
    """A committed dashboard."""
    return json.loads((GRAFANA / f"{uid}.json").read_text(encoding="utf-8"))


def queries(uid: str) -> list[Query]:
    """Every query of every panel."""
    return list(_queries(dashboard(uid)["panels"]))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The text with its variables filled in; every one must have a value."""
    return _VARIABLE.sub(lambda found: values[found[1]], text)


def _queries(panels: list[dict[str, Any]]) -> Iterator[Query]:
    for panel in panels:
        yield from _queries(panel.get("panels", []))
        for target in panel.get("targets", []):
            yield Query(panel["title"], target["refId"], target["expr"], target.get("instant", False))
