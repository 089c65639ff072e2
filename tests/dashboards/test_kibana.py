# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The saved objects for Kibana: their form, as far as it can be known without a server, and the fields they ask for."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.application import answers, make_calls
from dashboards.panels import ROOT
from support.clients import make_client
from support.expect import response
from support.processes import needs_current_client
from support.server import Server, bytes_answer, json_answer
from support.telemetry import Telemetry

KIBANA = ROOT / "dashboards" / "kibana"
FILES = ["openai-cost-otel", "openai-cost-apm"]
RECORDS = "___records___"
WEB: Any = {"type": "web_search"}
STORED = {
    "openai-cost-otel": {
        "@timestamp": "date",
        "duration": "number",
        "trace_id": "string",
        "parent_span_id": "string",
        "name": "string",
        "resource.attributes.service.name": "string",
    },
    "openai-cost-apm": {
        "@timestamp": "date",
        "span.duration.us": "number",
        "processor.event": "string",
        "parent.id": "string",
        "trace.id": "string",
        "transaction.name": "string",
        "service.name": "string",
    },
}
"""What Elastic stores of every span, and its type."""


def objects(name: str) -> list[dict[str, Any]]:
    """The saved objects of a file."""
    return [json.loads(line) for line in (KIBANA / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()]


def board(name: str) -> dict[str, Any]:
    """The dashboard of a file."""
    [found] = [each for each in objects(name) if each["type"] == "dashboard"]
    return found


def panels(name: str) -> list[dict[str, Any]]:
    """The panels of a file's dashboard."""
    return json.loads(board(name)["attributes"]["panelsJSON"])


def layers(panel: dict[str, Any]) -> dict[str, Any]:
    """The layers of a panel."""
    return panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]


def columns(name: str) -> Iterator[dict[str, Any]]:
    """Every column of every panel."""
    for panel in panels(name):
        for layer in layers(panel).values():
            yield from layer["columns"].values()


def fields(name: str, instrument: Any, telemetry: Telemetry, server: Server) -> dict[str, str]:
    """The fields in which Elastic stores the spans of a batch of calls, and their types."""
    instrument(rollup=True)
    search = {
        "id": "ws_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "x"},
    }
    server.queue(
        *answers(), json_answer(response(tools=[WEB], output=[search])), bytes_answer(b"", content_type="audio/mpeg")
    )
    tracer = telemetry.tracer_provider.get_tracer("another")
    with make_client(server.url) as client, tracer.start_as_current_span("GET /help"):
        make_calls(client)
        # What is neither a token of the input nor of the output: a fee, and characters.
        client.responses.create(model="gpt-5.5", input="Hello", tools=[WEB])
        client.audio.speech.create(model="tts-1", input="Hello", voice="alloy")
    stored = dict(STORED[name])
    for span in telemetry.spans():
        for key, value in (span.attributes or {}).items():
            numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
            if name == "openai-cost-otel":
                field = f"attributes.{key}"
            else:
                field = f"{'numeric_labels' if numeric else 'labels'}.{key.replace('.', '_')}"
            stored[field] = "number" if numeric else "string"
    return stored


def test_the_committed_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, KIBANA / "generate.py", "--to", tmp_path], check=True)
    assert sorted(file.stem for file in KIBANA.glob("*.ndjson")) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / f"{name}.ndjson").read_bytes() == (KIBANA / f"{name}.ndjson").read_bytes()


@pytest.mark.parametrize("name", FILES)
def test_every_panel_is_a_lens_panel_as_kibana_has_them(name: str) -> None:
    view = pytest.importorskip("kb_dashboard_core.panels.charts.view", reason="needs kb-dashboard-core and Python 3.12")
    for panel in panels(name):
        view.KbnLensPanel.model_validate_json(json.dumps(panel))


@pytest.mark.parametrize("name", FILES)
def test_every_visualization_is_of_its_kind(name: str) -> None:
    charts = "kb_dashboard_core.panels.charts"
    metric = pytest.importorskip(f"{charts}.metric.view", reason="needs kb-dashboard-core and Python 3.12")
    kinds = {
        "lnsMetric": metric.KbnMetricVisualizationState,
        "lnsXY": pytest.importorskip(f"{charts}.xy.view").KbnXYVisualizationState,
        "lnsDatatable": pytest.importorskip(f"{charts}.datatable.view").KbnDatatableVisualizationState,
    }
    for panel in panels(name):
        attributes = panel["embeddableConfig"]["attributes"]
        kinds[attributes["visualizationType"]].model_validate_json(json.dumps(attributes["state"]["visualization"]))


@pytest.mark.parametrize("name", FILES)
def test_the_dashboard_has_the_attributes_of_one(name: str) -> None:
    view = pytest.importorskip("kb_dashboard_core.dashboard.view", reason="needs kb-dashboard-core and Python 3.12")
    attributes = dict(board(name)["attributes"])
    attributes["optionsJSON"] = json.loads(attributes["optionsJSON"])
    meta = attributes["kibanaSavedObjectMeta"]
    attributes["kibanaSavedObjectMeta"] = {"searchSourceJSON": json.loads(meta["searchSourceJSON"])}
    attributes["panelsJSON"] = []  # the panels themselves have a test of their own
    view.KbnDashboardAttributes.model_validate_json(json.dumps(attributes))


@pytest.mark.parametrize("name", FILES)
def test_every_reference_leads_to_the_data_view_of_the_file(name: str) -> None:
    [data_view] = [each for each in objects(name) if each["type"] == "index-pattern"]
    named = {reference["name"]: reference["id"] for reference in board(name)["references"]}
    assert set(named.values()) == {data_view["id"]}
    for panel in panels(name):
        [inner] = panel["embeddableConfig"]["attributes"]["references"]
        [layer] = layers(panel)
        assert inner == {
            "type": "index-pattern",
            "id": data_view["id"],
            "name": f"indexpattern-datasource-layer-{layer}",
        }
        assert named.pop(f"{panel['panelIndex']}:{inner['name']}") == data_view["id"]
    assert named == {}


@pytest.mark.parametrize("name", FILES)
def test_visualizations_use_columns_that_their_layer_has(name: str) -> None:
    for panel in panels(name):
        [(layer, content)] = layers(panel).items()
        state = json.dumps(panel["embeddableConfig"]["attributes"]["state"]["visualization"])
        known = set(content["columns"])
        assert set(content["columnOrder"]) == known
        used = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", state)) - {layer}
        assert used == known
        orders = [column["params"].get("orderBy") for column in content["columns"].values()]
        assert {order["columnId"] for order in orders if order} <= known


@pytest.mark.parametrize("name", FILES)
def test_panels_do_not_overlap(name: str) -> None:
    cells = [
        (x, y)
        for panel in panels(name)
        for place in [panel["gridData"]]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(x < 48 for x, _ in cells)


@needs_current_client
@pytest.mark.parametrize("name", FILES)
def test_every_field_is_one_that_spans_of_ours_are_stored_with(
    name: str, instrument: Any, telemetry: Telemetry, server: Server
) -> None:
    stored = fields(name, instrument, telemetry, server)
    for column in columns(name):
        if column["sourceField"] != RECORDS:
            assert stored.get(column["sourceField"]) == column["dataType"], column["label"]


@needs_current_client
def test_the_parts_of_the_cost_that_are_shown_add_up_to_it(
    instrument: Any, telemetry: Telemetry, server: Server
) -> None:
    fields(FILES[0], instrument, telemetry, server)
    [panel] = [each for each in panels(FILES[0]) if each["embeddableConfig"]["title"] == "Cost by part over time"]
    [layer] = layers(panel).values()
    shown = [column["sourceField"].removeprefix("attributes.") for column in layer["columns"].values()]
    for span in telemetry.spans():
        amount = span.attributes.get("gen_ai.usage.cost.amount", 0)
        assert sum(span.attributes.get(part, 0) for part in shown) == pytest.approx(amount, rel=1e-12)


@needs_current_client
@pytest.mark.parametrize("name", FILES)
def test_every_filter_is_about_a_field_that_is_stored(
    name: str, instrument: Any, telemetry: Telemetry, server: Server
) -> None:
    stored = fields(name, instrument, telemetry, server)
    asked = [panel["embeddableConfig"]["attributes"]["state"]["query"]["query"] for panel in panels(name)]
    asked += [column["filter"]["query"] for column in columns(name) if "filter" in column]
    found = {field for text in asked for field in re.findall(r"([\w.]+)(?=: | >= )", text)}
    assert len(found) > 3
    assert found <= set(stored)


@needs_current_client
@pytest.mark.parametrize("name", FILES)
def test_panels_are_about_all_calls_or_about_the_requests_above_them(
    name: str, instrument: Any, telemetry: Telemetry, server: Server
) -> None:
    fields(name, instrument, telemetry, server)
    found = {span.name: set(span.attributes or {}) for span in telemetry.spans()}
    root = found.pop("GET /help")
    assert "openai_cost.rollup.amount" in root
    assert "openai_cost.status" not in root
    assert all("openai_cost.status" in attributes for attributes in found.values())
