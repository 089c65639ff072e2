# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The page of emitted names says what the code emits."""

import contextlib
import importlib.util
import re
import sys
from pathlib import Path

import openai
import pytest

from opentelemetry.instrumentation.openai_cost import demo, semconv
from opentelemetry.instrumentation.openai_cost.demo.help_desk import TASKS
from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("emitted_page", ROOT / "tools/emitted_page.py")
tool = importlib.util.module_from_spec(spec)
sys.modules["emitted_page"] = tool
spec.loader.exec_module(tool)

PAGE = (ROOT / "docs/emitted.md").read_text(encoding="utf-8")
TABLES = PAGE.partition(tool.MARKS.begin)[2]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLES.splitlines() if line.startswith("| `")
]
OUTDATED = f"# Title\n\n{tool.MARKS.begin}\nold\n{tool.MARKS.end}\n\nThe end.\n"


def test_the_page_says_what_the_code_says():
    assert tool.main(["--check"]) == 0, "run python tools/emitted_page.py"


def test_every_name_of_semconv_is_on_the_page_with_its_stability():
    stability = {row[0].strip("`"): row[-2].partition(",")[0] for row in ROWS}
    for constant, value in vars(semconv).items():
        if constant.isupper() and isinstance(value, str) and re.fullmatch(r"[a-z_]+(\.[a-z0-9_]+)+", value):
            assert stability[value] in tool.STABILITIES
    assert len(ROWS) == len(stability), "a name is on the page twice"


# The client calls assistants deprecated.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_the_demo_emits_is_on_the_page(instrument, telemetry):
    instrument(prices=Path(demo.__file__).with_name("hosts.toml"), **tool.EVERY_OPTION)
    with DemoServer() as server, openai.OpenAI(base_url=server.base_url, api_key="demo", max_retries=0) as client:
        for task in TASKS:
            # Some of the tasks are errors; older clients lack what others call.
            with contextlib.suppress(openai.OpenAIError, AttributeError, TypeError):
                task.run(client)
    metrics = telemetry.metric_names()
    emitted = {name for span in telemetry.spans() for name in span.attributes}
    emitted |= {name for metric in metrics for attributes, _ in telemetry.points(metric) for name in attributes}
    assert len(emitted) > 40
    assert (emitted | metrics) - {row[0].strip("`") for row in ROWS} == set()


@pytest.mark.parametrize("name", ["gen_ai.client.operation.cost", "openai_cost.unpriced_operations"])
def test_kind_and_unit_of_a_metric_are_those_of_its_instrument(name):
    (row,) = [row for row in ROWS if row[0] == f"`{name}`"]
    kind, unit = tool.instruments()[name]
    assert row[1:3] == [kind, f"`{unit}`"]


def test_checking_finds_an_old_page_and_changes_nothing(tmp_path, capsys):
    page = tmp_path / "emitted.md"
    page.write_text(OUTDATED, encoding="utf-8")
    assert tool.main(["--check", "--page", str(page)]) == 1
    assert "out of date" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == OUTDATED


def test_writing_replaces_the_tables_and_nothing_else(tmp_path):
    page = tmp_path / "emitted.md"
    page.write_text(OUTDATED, encoding="utf-8")
    assert tool.main(["--page", str(page)]) == 0
    assert tool.main(["--check", "--page", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Title\n\n{tool.MARKS.begin}\n")
    assert text.endswith(f"\n{tool.MARKS.end}\n\nThe end.\n")
    assert "| `gen_ai.usage.cost.amount` | proposed, " in text


def test_a_name_without_a_stability_is_refused():
    source = '# --- cost ---\nA: Final = "openai_cost.a"\n"""says nothing of who stands behind it."""\n'
    with pytest.raises(ValueError, match="docstring of A must begin with one of released"):
        tool.defined(source)


def test_a_metric_that_no_option_makes_is_refused():
    name = tool.Name("METRIC_LOST", "openai_cost.lost", "instruments", "own", "", "")
    with pytest.raises(ValueError, match=r"openai_cost\.lost"):
        tool.render([name], {}, {})


@pytest.mark.parametrize("text", ["no markers", tool.MARKS.begin, f"{tool.MARKS.end}\n{tool.MARKS.begin}"])
def test_a_text_without_its_markers_is_refused(text):
    with pytest.raises(ValueError, match="once each"):
        tool.MARKS.renewed(text, "")
