# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the saved objects for Kibana beside this file, or into the directory that ``--to`` names: standard library only.

Each file has a data view and a dashboard of Lens panels over spans, for one of the two ways in which Elastic stores OTLP.
"""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIDTH = 48
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "opentelemetry-instrumentation-openai-cost/kibana")
_NUMBER = {"id": "number", "params": {"decimals": 6}}
_WHOLE = {"id": "number", "params": {"decimals": 0, "compact": True}}

# The oldest versions of the saved objects that have all that is used here: Kibana migrates them when they are imported.
_CORE_VERSION = "8.8.0"
_DASHBOARD_VERSION = "8.9.0"
_DATA_VIEW_VERSION = "8.0.0"

COST = "gen_ai.usage.cost.amount"
MODEL = "gen_ai.request.model"
ERROR = "error.type"
REASON = "openai_cost.unpriced.reason"
STATUS = "openai_cost.status"
ROLLUP = "openai_cost.rollup.amount"


@dataclass(frozen=True, slots=True)
class Layout:
    """How Elastic stores a span.

    Attributes:
        name: of the file, and part of the identifiers.
        title: in Kibana.
        index: pattern of the data streams.
        service: field of the service's name.
        duration: field of the span's duration.
        duration_unit: its unit.
        trace: field of the trace's identifier.
        name_of_span: field of the name of a span that is the root of its trace.
        root: which spans are roots.
        native: whether attributes keep their names, below ``attributes.``; else dots become underscores, below ``labels.``
            or, for numbers, ``numeric_labels.``.
    """

    name: str
    title: str
    index: str
    service: str
    duration: str
    duration_unit: str
    trace: str
    name_of_span: str
    root: str
    native: bool

    def text(self, attribute: str) -> str:
        """The field of a string attribute."""
        return f"attributes.{attribute}" if self.native else f"labels.{attribute.replace('.', '_')}"

    def number(self, attribute: str) -> str:
        """The field of a numeric attribute."""
        return f"attributes.{attribute}" if self.native else f"numeric_labels.{attribute.replace('.', '_')}"

    def id(self, *parts: str) -> str:
        """An identifier that is the same every time."""
        return str(uuid.uuid5(_NAMESPACE, "/".join([self.name, *parts])))


OTEL = Layout(
    name="openai-cost-otel",
    title="OpenAI cost",
    index="traces-*.otel-*",
    service="resource.attributes.service.name",
    duration="duration",
    duration_unit="nanoseconds",
    trace="trace_id",
    name_of_span="name",
    root="not parent_span_id: *",
    native=True,
)
"""OpenTelemetry-native data streams: Elastic's managed OTLP endpoint, EDOT, the Collector's exporter in ``otel`` mode."""

APM = Layout(
    name="openai-cost-apm",
    title="OpenAI cost (APM Server)",
    index="traces-apm*",
    service="service.name",
    duration="span.duration.us",
    duration_unit="microseconds",
    trace="trace.id",
    name_of_span="transaction.name",
    root="processor.event: transaction and not parent.id: *",
    native=False,
)
"""OTLP through APM Server, as in 2023."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a Lens layer: what is aggregated, or by what it is divided."""

    label: str
    operation: str
    field: str
    kind: str = "number"
    params: tuple[tuple[str, Any], ...] = ()
    only: str | None = None

    def build(self) -> dict[str, Any]:
        """As Kibana stores it."""
        bucketed = self.operation in ("terms", "date_histogram")
        scale = {"terms": "ordinal", "date_histogram": "interval"}.get(self.operation, "ratio")
        column: dict[str, Any] = {
            "label": self.label,
            "customLabel": True,
            "dataType": self.kind,
            "operationType": self.operation,
            "isBucketed": bucketed,
            "scale": scale,
            "sourceField": self.field,
            "params": dict(self.params),
        }
        if self.only is not None:
            column["filter"] = {"query": self.only, "language": "kuery"}
        return column


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel: ``metric``, ``line``, ``bar_stacked``, ``area_stacked`` or ``table``; its columns, those that divide first.

    It is about spans of calls, or about ``requests``: roots of traces that carry the total of the calls below them.
    """

    title: str
    shape: str
    columns: Sequence[Column]
    width: int = 24
    height: int = 12
    description: str = ""
    of: str = "calls"


def _panels(layout: Layout) -> Sequence[Panel]:
    amount = layout.number(COST)
    money = (("format", _NUMBER), ("emptyAsNull", True))
    whole = (("format", _WHOLE), ("emptyAsNull", True))
    plain = (("emptyAsNull", True),)
    priced = f"{amount} >= 0"
    failed = f"{layout.text(ERROR)}: *"
    rolled_up = layout.number(ROLLUP)

    over_time = Column(
        "Time", "date_histogram", "@timestamp", "date",
        (("interval", "auto"), ("includeEmptyRows", True), ("dropPartials", False)),
    )  # fmt: skip

    def by(label: str, field: str, order: str, size: int = 10) -> Column:
        params = (
            ("size", size),
            ("orderBy", {"type": "column", "columnId": layout.id("order", order)}),
            ("orderDirection", "desc"),
            ("otherBucket", True),
            ("missingBucket", False),
            ("parentFormat", {"id": "terms"}),
        )
        return Column(label, "terms", field, "string", params)

    def total(label: str, attribute: str, params: tuple[tuple[str, Any], ...], only: str | None = None) -> Column:
        return Column(label, "sum", layout.number(attribute), params=params, only=only)

    def counted(label: str, only: str | None = None) -> Column:
        return Column(label, "count", "___records___", params=whole, only=only)

    def percentile(label: str, field: str, rank: int, params: tuple[tuple[str, Any], ...]) -> Column:
        return Column(label, "percentile", field, params=(("percentile", rank), *params))

    spend = total("Spend", COST, money)
    average = Column("Mean cost of a call", "average", amount, params=money)
    input_tokens = total("Input tokens", "gen_ai.usage.input_tokens", whole)
    output_tokens = total("Output tokens", "gen_ai.usage.output_tokens", whole)
    by_model = by("Model", layout.text(MODEL), "Spend")

    return (
        Panel(
            "Cost in the period",
            "metric",
            [spend],
            12,
            8,
            "At list price, of priced calls; only one currency makes sense.",
        ),
        Panel("Completion requests made", "metric", [counted("Requests")], 12, 8),
        Panel("Tokens used", "metric", [input_tokens, output_tokens], 12, 8),
        Panel(
            "Billed and still raised",
            "metric",
            [total("Spend on failed calls", COST, money, failed)],
            12,
            8,
            "Money of calls whose caller got an exception: a length limit, an answer that did not validate.",
        ),
        Panel("Cost by model over time", "area_stacked", [over_time, by_model, spend]),
        Panel("Cost by service over time", "area_stacked", [over_time, by("Service", layout.service, "Spend"), spend]),
        Panel(
            "Response time",
            "line",
            [
                over_time,
                percentile("Median", layout.duration, 50, plain),
                percentile("95th percentile", layout.duration, 95, plain),
            ],
        ),
        Panel(
            "Requests by model over time",
            "bar_stacked",
            [over_time, by("Model", layout.text(MODEL), "Requests"), counted("Requests")],
        ),
        Panel("Tokens over time", "area_stacked", [over_time, input_tokens, output_tokens]),
        Panel(
            "Cost of a call",
            "line",
            [
                over_time,
                average,
                percentile("Median", amount, 50, money),
                percentile("95th percentile", amount, 95, money),
            ],
        ),
        Panel(
            "Cost by part over time",
            "area_stacked",
            [
                over_time,
                total("Input", "openai_cost.input", money),
                total("Output", "openai_cost.output", money),
                total("Tools", "openai_cost.tool", money),
                total("By the image, second or character", "openai_cost.other", money),
            ],
            description="Of calls that were priced here. Cached input is part of the input, reasoning of the output.",
        ),
        Panel(
            "Input tokens read from the cache",
            "line",
            [over_time, input_tokens, total("From the cache", "gen_ai.usage.cache_read.input_tokens", whole)],
        ),
        Panel(
            "Models",
            "table",
            [
                by_model,
                spend,
                counted("Requests"),
                counted("Without a price", f"not {priced}"),
                input_tokens,
                output_tokens,
                average,
                percentile("95th percentile", layout.duration, 95, plain),
            ],
            WIDTH,
        ),
        Panel(
            "Calls without a price, by reason",
            "bar_stacked",
            [over_time, by("Reason", layout.text(REASON), "Calls"), counted("Calls")],
        ),
        Panel(
            "Failed calls by error",
            "bar_stacked",
            [over_time, by("Error", layout.text(ERROR), "Calls"), counted("Calls")],
        ),
        Panel(
            "Dearest requests",
            "table",
            [
                by("Request", layout.name_of_span, "Cost", 20),
                total("Cost", ROLLUP, money),
                counted("Requests"),
                Column("Mean cost", "average", rolled_up, params=money),
                Column("Dearest", "max", rolled_up, params=money),
                total("Calls", "openai_cost.rollup.calls", whole),
                total("Calls without a price", "openai_cost.rollup.unpriced", whole),
            ],
            WIDTH,
            12,
            "Roots of traces, and what the calls below them cost. Needs rollup=True.",
            of="requests",
        ),
        Panel("Dearest traces", "table", [by("Trace", layout.trace, "Spend", 20), spend, counted("Requests")], WIDTH),
    )


def build(layout: Layout) -> list[dict[str, Any]]:
    """The saved objects: the data view, and the dashboard that uses it."""
    view = layout.id("data view")
    placed, references = [], []
    x = y = tallest = 0
    for panel in _panels(layout):
        if x + panel.width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        index = layout.id("panel", panel.title)
        layer = layout.id("layer", panel.title)
        name = f"indexpattern-datasource-layer-{layer}"
        placed.append(
            {
                "type": "lens",
                "panelIndex": index,
                "gridData": {"x": x, "y": y, "w": panel.width, "h": panel.height, "i": index},
                "embeddableConfig": {
                    "title": panel.title,
                    "description": panel.description,
                    "enhancements": {},
                    "filters": [],
                    "query": {"query": "", "language": "kuery"},
                    "attributes": _lens(layout, panel, layer, {"type": "index-pattern", "id": view, "name": name}),
                },
            }
        )
        references.append({"type": "index-pattern", "id": view, "name": f"{index}:{name}"})
        x, tallest = x + panel.width, max(tallest, panel.height)
    dashboard = {
        "title": layout.title,
        "description": "What the calls of the OpenAI client cost: an estimate at list price, not an invoice.",
        "panelsJSON": json.dumps(placed, sort_keys=True),
        "optionsJSON": json.dumps(
            {
                "useMargins": True,
                "syncColors": True,
                "syncCursor": True,
                "syncTooltips": False,
                "hidePanelTitles": False,
            }
        ),
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": json.dumps({"query": {"query": "", "language": "kuery"}, "filter": []})
        },
        "timeRestore": True,
        "timeFrom": "now-24h",
        "timeTo": "now",
        "version": 1,
    }
    duration = {"inputFormat": layout.duration_unit, "outputFormat": "humanizePrecise", "outputPrecision": 2}
    data_view = {
        "title": layout.index,
        "name": f"{layout.title}: {layout.index}",
        "timeFieldName": "@timestamp",
        "fieldFormatMap": json.dumps({layout.duration: {"id": "duration", "params": duration}}),
        "allowNoIndex": True,
    }
    return [
        _saved("index-pattern", view, _DATA_VIEW_VERSION, data_view, []),
        _saved("dashboard", layout.id("dashboard"), _DASHBOARD_VERSION, dashboard, references),
    ]


def _saved(kind: str, id: str, version: str, attributes: dict[str, Any], references: list[Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "id": id,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": _CORE_VERSION,
        "typeMigrationVersion": version,
        "managed": False,
    }


def _lens(layout: Layout, panel: Panel, layer: str, reference: dict[str, str]) -> dict[str, Any]:
    ids = [layout.id("column", panel.title, column.label) for column in panel.columns]
    columns = {id: column.build() for id, column in zip(ids, panel.columns, strict=True)}
    for column in columns.values():
        order = column["params"].get("orderBy")
        if order is not None:
            # Ordered by the column of that label, wherever the panel has it.
            named = {layout.id("order", each.label): id for id, each in zip(ids, panel.columns, strict=True)}
            column["params"]["orderBy"] = {**order, "columnId": named[order["columnId"]]}
    kind, visualization = _visualization(panel, ids, layer)
    return {
        "title": panel.title,
        "type": "lens",
        "visualizationType": kind,
        "references": [reference],
        "state": {
            "visualization": visualization,
            "query": {"query": _about(layout, panel), "language": "kuery"},
            "filters": [],
            "datasourceStates": {
                "formBased": {
                    "layers": {layer: {"columns": columns, "columnOrder": ids, "incompleteColumns": {}, "sampling": 1}}
                }
            },
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def _about(layout: Layout, panel: Panel) -> str:
    if panel.of == "requests":
        return f"{layout.number(ROLLUP)}: * and {layout.root}"
    return f"{layout.text(STATUS)}: *"


def _visualization(panel: Panel, ids: Sequence[str], layer: str) -> tuple[str, dict[str, Any]]:
    data: dict[str, Any] = {"layerId": layer, "layerType": "data"}
    if panel.shape == "metric":
        state = {**data, "metricAccessor": ids[0], "applyColorTo": "background"}
        return "lnsMetric", state if len(ids) == 1 else {**state, "secondaryMetricAccessor": ids[1]}
    if panel.shape == "table":
        return "lnsDatatable", {**data, "columns": [{"columnId": id} for id in ids]}
    divided = [column.operation == "terms" for column in panel.columns]
    series = {
        **data,
        "seriesType": panel.shape,
        "xAccessor": ids[0],
        "accessors": [id for id, split in zip(ids[1:], divided[1:], strict=True) if not split],
        "position": "top",
        "showGridlines": False,
    }
    if any(divided):
        series["splitAccessor"] = ids[divided.index(True)]
    return "lnsXY", {
        "legend": {"isVisible": True, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": panel.shape,
        "layers": [series],
    }


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Write the saved objects for Kibana.")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, metavar="DIRECTORY")
    to: Path = parser.parse_args().to
    for layout in (OTEL, APM):
        lines = [json.dumps(saved, sort_keys=True) for saved in build(layout)]
        (to / f"{layout.name}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
