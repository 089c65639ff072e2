# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The command as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.cli.__main__ import main
from opentelemetry.instrumentation.openai_cost.pricing import bundled_data
from opentelemetry.instrumentation.openai_cost.version import __version__

COMMAND = [sys.executable, "-W", "error", "-m", "opentelemetry.instrumentation.openai_cost.cli"]
COMMANDS = ("quote", "models", "check", "explain", "diff", "update")


def process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, **options)


def test_the_command_prices_a_call_in_a_process_of_its_own(book: Path) -> None:
    usage = json.dumps({"input_tokens": 1000, "output_tokens": 100})

    result = process("quote", "--book", str(book), "--model", "gpt-b", "--usage", "-", "--json", input=usage)

    assert (result.returncode, result.stderr) == (0, "")
    assert json.loads(result.stdout)["amount"] == "0.0028"


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("quote", "--model", "text-davinci-003", "--input", "1"), 0),
        (("quote", "--model", "none", "--input", "1"), 4),
        (("quote", "--model", "gpt-4o", "--input", "1", "--cache-write", "1"), 4),
        (("quote", "--model", "gpt-4o", "--input", "2", "--cache-write", "1"), 3),
        (("models", "--filter", "none"), 4),
        (("explain", "gpt-4o"), 0),
        (("check", "/no/such.toml"), 1),
        (("diff", "/no/such.json"), 2),
        ((), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_the_status_of_the_process_is_that_of_the_command(arguments: tuple[str, ...], status: int) -> None:
    assert process(*arguments).returncode == status


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "models", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.readline()
        command.stdout.close()
        errors = command.stderr.read()

    assert errors == ""


def test_a_terminal_without_unicode_gets_every_line(document: dict[str, Any], save: Callable[..., Path]) -> None:
    document["providers"]["openai"]["models"]["gpt-b"]["rates"][0]["note"] = "twice the price – for now"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}

    result = process("explain", "gpt-b", "--book", str(save(document)), env=environment)

    assert (result.returncode, result.stderr) == (0, "")
    assert "note        twice the price ? for now\n" in result.stdout


def test_the_version_names_package_and_price_book(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0

    assert (
        capsys.readouterr().out
        == f"opentelemetry-openai-cost {__version__}, price book of {bundled_data()['version']}\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0

    told = capsys.readouterr().out
    assert told.startswith(f"usage: opentelemetry-openai-cost {command} ")
    assert "exit status: 0 " in told


def test_without_a_command_all_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr().err.startswith(
        "opentelemetry-openai-cost: error: the following arguments are required: COMMAND"
    )
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    assert [name for name in COMMANDS if f"\n    {name} " not in told] == []


def test_the_console_script_is_this_command() -> None:
    scripts = entry_points(group="console_scripts", name="opentelemetry-openai-cost")
    if not scripts:
        pytest.skip("the distribution is not installed, or was before it had the command")

    assert [script.load() for script in scripts] == [main]
