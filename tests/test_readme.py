# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What the README shows, run."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from opentelemetry.instrumentation.openai_cost import config, environment_variables
from opentelemetry.instrumentation.openai_cost.cli.__main__ import main
from opentelemetry.instrumentation.openai_cost.pricing import PriceBook, Quote, Terms, bundled_data, overrides
from opentelemetry.instrumentation.openai_cost.usage import Tokens, Usage
from support import exports

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PRICES = re.search(r"```toml\n(.*?)```", README, re.DOTALL)[1]
COMMANDS = re.findall(r"^opentelemetry-openai-cost (.*)$", README, re.MULTILINE)


def section(title: str) -> str:
    """A part of the README."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.split()[0] not in ("check", "update")])
def test_a_command_of_the_readme_succeeds(line, capsys, tmp_path, monkeypatch):
    (tmp_path / "spans.jsonl").write_text(exports.console(exports.PRICED), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main([word.strip('"') for word in line.split()]) == 0
    assert capsys.readouterr().out


def test_the_price_file_of_the_readme_is_accepted_and_prices_as_it_says(tmp_path, capsys):
    pytest.importorskip("tomllib" if sys.version_info >= (3, 11) else "tomli")
    path = tmp_path / "prices.toml"
    path.write_text(PRICES, encoding="utf-8")
    assert main(["check", str(path)]) == 0
    book = PriceBook(bundled_data(), overrides.read(path))
    million = Usage(Tokens(1_000_000, 0))
    amounts = {
        model: book.quote(million, Terms(model, host="llm.internal", price_list=None, at=1795000000.0))
        for model in ("acme-gpt", "my-azure-deployment", "gpt-6-sol")
    }
    assert all(isinstance(quote, Quote) for quote in amounts.values())
    assert [str(quote.amount.normalize()) for quote in amounts.values()] == ["0.9", "2.5", "3.4"]


def test_every_option_has_a_row_in_the_documentation_and_an_environment_variable():
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for option in fields(config.Config):
        assert f"| `{option.name}` |" in page
        name = config.PREFIX + option.name.upper()
        expected = None if option.name in config.NOT_IN_ENVIRONMENT else name
        assert getattr(environment_variables, name, None) == expected
    options = {field.name for field in fields(config.Config)}
    assert {field.name for field in fields(config.Options)} == options - config.IN_CODE
    assert set(re.findall(r"^\| `(\w+)` \|", section("Configuration"), re.MULTILINE)) < options


def test_the_two_lines_of_the_readme_work_with_a_plain_interpreter(tmp_path):
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path, env=dict(os.environ)
    )
    assert (result.returncode, result.stderr) == (0, "")
