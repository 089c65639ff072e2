# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Every example in ``docs/command-line.md`` is run, and prints what the page says.

After a change of the output or of the bundled prices, ``python tests/cli/test_page.py`` writes the page anew; read the difference.
"""

import contextlib
import copy
import io
import os
import re
import shlex
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from opentelemetry.instrumentation.openai_cost.cli.__main__ import PROGRAM, main
from opentelemetry.instrumentation.openai_cost.pricing import bundled_data
from opentelemetry.instrumentation.openai_cost.pricing.schema import dump

PAGE = Path(__file__).resolve().parents[2] / "docs/command-line.md"
BLOCK = re.compile(
    r"(?:<!-- (?P<key>file|exit status): (?P<value>\S+) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)```\n", re.DOTALL
)
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
GENAI = """\
providers = [
    Provider(id='azure', models=[]),
    Provider(id='openai', models=[
        ModelInfo(id='gpt-4', match=ClauseEquals(equals='gpt-4'),
            prices=ModelPrice(input_mtok=Decimal('25'), output_mtok=Decimal('50'))),
        ModelInfo(id='gpt-99', match=ClauseEquals(equals='gpt-99'),
            prices=ModelPrice(input_mtok=Decimal('3'), output_mtok=Decimal('9'))),
    ]),
]
"""


class Example(NamedTuple):
    """One command of the page, what it prints there, and the exit status that it must have."""

    command: str
    output: str
    status: int


def blocks() -> list[re.Match[str]]:
    return [*BLOCK.finditer(PAGE.read_text(encoding="utf-8"))]


def examples(block: re.Match[str]) -> list[Example]:
    status = int(block["value"]) if block["key"] == "exit status" else 0
    parts = re.split(r"^\$ ", block["text"], flags=re.MULTILINE)
    assert parts[0] == ""
    return [Example(command, output, status) for command, _, output in (part.partition("\n") for part in parts[1:])]


def prepare(folder: Path) -> Path:
    """Writes the files that the page speaks of; returns where a newer genai-prices is installed."""
    for block in blocks():
        if block["key"] == "file":
            (folder / block["value"]).write_text(block["text"], encoding="utf-8")
    book: Any = copy.deepcopy(dict(bundled_data()))
    reviewed = date.fromisoformat(book["version"])
    for name, days, price in (("before.json", -8, "16"), ("newer.json", 13, "14")):
        book["version"] = (reviewed + timedelta(days)).isoformat()
        book["providers"]["openai"]["models"]["tts-1"]["rates"][0]["characters"]["price"] = price
        (folder / name).write_text(dump(book), encoding="utf-8")
    site = folder / "site"
    version = ".".join(str(int(part) + 1) for part in book["sources"]["genai-prices"].split("."))
    (site / "genai_prices").mkdir(parents=True)
    (site / "genai_prices/__init__.py").touch()
    (site / "genai_prices/data.py").write_text(GENAI)
    (site / f"genai_prices-{version}.dist-info").mkdir()
    (site / f"genai_prices-{version}.dist-info/METADATA").write_text(
        f"Metadata-Version: 2.1\nName: genai-prices\nVersion: {version}\n"
    )
    return site


def run(command: str) -> tuple[int, str]:
    """Status and output of a command."""
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        status = main(arguments)
    return status, out.getvalue()


def lasting(command: str, text: str) -> str:
    """The text without what every release of the prices changes: the book's day and the version of its sources."""
    if command.split()[1] in ("diff", "update"):
        text = re.sub(r"\d+\.\d+\.\d+", "<version>", DAY.sub("<day>", text))
    return re.sub(r"(price[ _]book(?: of|\":)? \"?)\d{4}-\d{2}-\d{2}", r"\1<day>", text)


def test_the_examples_of_the_page_print_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(prepare(tmp_path))
    monkeypatch.chdir(tmp_path)
    commands: set[str] = set()
    for block in blocks():
        for example in examples(block) if block["language"] == "console" else ():
            status, output = run(example.command)
            assert lasting(example.command, output) == lasting(example.command, example.output.rstrip("\n") + "\n")
            assert status == example.status, example.command
            commands.add(example.command.split()[1])

    assert commands == {"quote", "models", "check", "explain", "diff", "report", "update"}


def test_every_option_on_the_page_exists() -> None:
    told = set(re.findall(r"`(--[a-z][a-z0-9-]*)", PAGE.read_text(encoding="utf-8"))) - {"--help"}
    known: set[str] = set()
    for command in ("quote", "models", "check", "explain", "diff", "report", "reconcile", "update"):
        known |= set(re.findall(r"--[a-z][\w-]*", run(f"{PROGRAM} {command} --help")[1]))

    assert told
    assert told <= known


def written(page: str) -> str:
    """The page with what the commands print now."""

    def renewed(block: re.Match[str]) -> str:
        if block["language"] != "console":
            return block[0]
        texts = (f"$ {example.command}\n{run(example.command)[1]}" for example in examples(block))
        return block[0][: block.start("text") - block.start()] + "\n".join(texts) + "```\n"

    return BLOCK.sub(renewed, page)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, str(prepare(Path(folder))))
        os.chdir(folder)
        PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
