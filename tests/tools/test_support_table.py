# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the README says is supported is what tox.ini tests, and what pyproject.toml declares."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from opentelemetry.instrumentation.openai_cost.package import _instruments

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("support_table", ROOT / "tools/support_table.py")
tool = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tool)

TOX = tool.read()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_readme_has_the_table_of_the_matrix():
    assert tool.main(["--check"]) == 0, "run python tools/support_table.py"


@pytest.mark.parametrize("factor", tool.clients(TOX))
def test_every_client_is_tested_with_some_python_and_described(factor):
    assert tool.pythons(TOX, factor)
    assert tool.REMARKS[factor]


def test_every_python_that_is_declared_is_tested_with_the_latest_client():
    declared = {
        line.rpartition(" ")[2]
        for line in PROJECT["classifiers"]
        if line.startswith("Programming Language :: Python :: 3.")
    }
    assert declared <= set(tool.pythons(TOX, "latest"))


def test_what_tox_runs_by_default_is_part_of_the_matrix():
    by_default = {
        name.partition("-openai")[2] for name in tool.environments(TOX["tox"]["env_list"]) if "-openai" in name
    }
    assert by_default <= set(tool.clients(TOX))
    assert {"028", "10", "latest"} <= by_default


def test_everything_that_is_tested_is_declared():
    (declared,) = map(Requirement, _instruments)
    assert PROJECT["optional-dependencies"]["instruments"] == list(_instruments)
    for requirement in tool.clients(TOX).values():
        lowest = re.search(r"[\d.]+", requirement)[0]
        assert declared.specifier.contains(lowest)


def test_the_oldest_opentelemetry_that_is_tested_is_the_oldest_that_is_declared():
    pinned = {
        requirement.name: str(requirement.specifier).removeprefix("==")
        for requirement in map(Requirement, TOX["testenv:otel-oldest"]["deps"].split("\n")[1:])
    }
    declared = {}
    for requirement in map(Requirement, [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]):
        if requirement.name in pinned:
            (lowest,) = (each.version for each in requirement.specifier if each.operator in (">=", "~="))
            declared[requirement.name] = lowest
    assert declared.keys() == pinned.keys()
    for name, lowest in declared.items():
        assert pinned[name] in (lowest, f"{lowest}.0"), name


def test_braces_are_expanded():
    assert tool.environments("lint, py3{10,11}-openai{1,2}\n x-{a}") == [
        "lint",
        "py310-openai1",
        "py310-openai2",
        "py311-openai1",
        "py311-openai2",
        "x-a",
    ]
