# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The README's table of endpoints is the one that the package dispatches on."""

import importlib.util
import re
from pathlib import Path

import pytest

from opentelemetry.instrumentation.openai_cost.endpoints import ENDPOINTS, WITH_ID, find

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("coverage_table", ROOT / "tools/coverage_table.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

OUTDATED = f"# Title\n\n{tool.MARKS.begin}\nold\n{tool.MARKS.end}\n\nThe end.\n"


def test_the_readme_has_the_table_of_the_endpoints_as_they_are():
    assert tool.main(["--check"]) == 0, "run python tools/coverage_table.py"


def test_every_endpoint_is_one_line_that_says_what_it_is_priced_by():
    _, _, *rows = tool.render(tool.dispatched()).splitlines()
    assert len(rows) == len(ENDPOINTS) + len(WITH_ID)
    for row, ((method, path), endpoint) in zip(rows, tool.dispatched().items(), strict=True):
        request, operation, priced_by, streamed = [cell.strip() for cell in row.strip("|").split("|")]
        assert request == f"`{method.upper()} {path}`"
        assert f"`{endpoint.operation}`" in operation
        if endpoint.billing == "fetch":
            assert "counts what it sees finished" in priced_by
        else:
            assert endpoint.priced_by
            assert endpoint.priced_by in priced_by
        assert (streamed == "yes") is (endpoint.events is not None)


@pytest.mark.parametrize("request_line", list(tool.dispatched()))
def test_every_line_is_dispatched_as_the_table_says(request_line):
    method, path = request_line
    assert find(method, re.sub(r"\{id\}", "id_1", path)) is tool.dispatched()[request_line]


def test_checking_finds_an_old_table_and_changes_nothing(tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(OUTDATED, encoding="utf-8")
    assert tool.main(["--check", "--readme", str(readme)]) == 1
    assert "out of date" in capsys.readouterr().out
    assert readme.read_text(encoding="utf-8") == OUTDATED


def test_writing_replaces_the_table_and_nothing_else(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(OUTDATED, encoding="utf-8")
    assert tool.main(["--readme", str(readme)]) == 0
    assert tool.main(["--check", "--readme", str(readme)]) == 0
    text = readme.read_text(encoding="utf-8")
    assert text == OUTDATED.replace("old", tool.render(tool.dispatched()))


@pytest.mark.parametrize("text", ["no markers", tool.MARKS.begin, f"{tool.MARKS.end}\n{tool.MARKS.begin}"])
def test_a_text_without_its_markers_is_refused(text):
    with pytest.raises(ValueError, match="once each"):
        tool.MARKS.renewed(text, "")
