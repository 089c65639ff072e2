# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``report``: exported telemetry in, the table out."""

import csv
import gzip
import io
import json
import os
import pty
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.cli import progress, telemetry
from support.exports import FAILED, NO_CALL, PRICED, UNPRICED, console, console_metrics, export_metrics, export_spans

Run = Callable[..., Any]
Save = Callable[..., Path]

MODULE = "opentelemetry.instrumentation.openai_cost.cli"


# --- what is read ----------------------------------------------------------------------------------------------------


def test_the_table_of_what_the_console_exporter_printed(run: Run, save: Save) -> None:
    file = save(console(PRICED, PRICED, UNPRICED, FAILED, NO_CALL), "console.txt")

    result = run("report", file)

    assert result == (
        3,
        "TOKENS                      calls      input     cached    written     output  reasoning\n"
        "----------------------------------------------------------------------------------------\n"
        "gpt-a-2026-08-21                2      6,000      2,048          -      1,000        400\n"
        "velo-1                          1          -          -          -          -          -\n"
        "----------------------------------------------------------------------------------------\n"
        "total                           3      6,000      2,048          -      1,000        400\n"
        "\n"
        "USD                         input      cache     output  reasoning      tools      total\n"
        "----------------------------------------------------------------------------------------\n"
        "gpt-a-2026-08-21           0.0158     0.0008     0.0120     0.0080          -     0.0366\n"
        "----------------------------------------------------------------------------------------\n"
        "total                      0.0158     0.0008     0.0120     0.0080          -     0.0366\n"
        "                            43.2%       2.2%      32.8%      21.8%          -     100.0%\n"
        "\n"
        "NOT PRICED, and in no sum above: 1 call\n"
        "  unknown_model: the price list does not know this model; a price file can name it (option prices)\n"
        "    1 call  velo-1\n"
        "\n"
        "ERRORS: 1 call\n"
        "    1 call  gpt-b  openai.RateLimitError\n"
        "\n"
        "0.0366 USD for 2 of 4 calls. An estimate, not an invoice.\n"
        "Prices: bundled 2026-11-22.\n",
        "",
    )


def test_spans_are_found_among_what_else_an_application_prints(run: Run, save: Save) -> None:
    first, second = console(PRICED), console(PRICED)
    half = first.index('    "context"')
    text = "starting {\n" + first[:half] + "a line of another thread {}\n" + first[half:]
    text += 'no line end before the next: {"key": 1} ' + second + "done\n}\n{\n"

    assert run("report", save(text, "log.txt"), "--json").json["calls"] == 2


def test_otlp_as_json_is_read_with_a_prefix_that_a_log_put_before_it(run: Run, save: Save) -> None:
    attributes = [
        {"key": "gen_ai.response.model", "value": {"stringValue": "gpt-a"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "7"}},
        {"key": "gen_ai.usage.cost.amount", "value": {"doubleValue": 0.25}},
        {"key": "tags", "value": {"arrayValue": {"values": [{"stringValue": "a"}, {"boolValue": True}]}}},
    ]
    scope = {"scope": {"name": "test"}, "spans": [{"name": "chat", "endTimeUnixNano": "1", "attributes": attributes}]}
    line = json.dumps({"resourceSpans": [{"resource": {"attributes": attributes[:0]}, "scopeSpans": [scope]}]})

    result = run("report", save(f"2026-11-22T10:00:00Z stdout F {line}\n", "pod.log"), "--json", "--by", "tags")

    assert (result.status, result.json["total"]["USD"]["amount"]) == (0, "0.25")
    assert result.json["models"][0]["tokens"]["input"] == 7
    assert [line["value"] for line in result.json["by"]["tags"]] == ["a, True"]


def test_files_of_the_otlp_json_exporter_are_read(run: Run, tmp_path: Path) -> None:
    trace_exporter = pytest.importorskip("opentelemetry.exporter.otlp.json.file.trace_exporter")
    metric_exporter = pytest.importorskip("opentelemetry.exporter.otlp.json.file.metric_exporter")
    spans, metrics = tmp_path / "spans.jsonl", tmp_path / "metrics.jsonl"
    export_spans(trace_exporter.FileSpanExporter(spans), [PRICED, PRICED, UNPRICED, FAILED, NO_CALL])
    export_metrics(metric_exporter.FileMetricExporter(metrics))
    same = tmp_path / "console.txt"
    same.write_text(console(PRICED, PRICED, UNPRICED, FAILED, NO_CALL))
    same_metrics = tmp_path / "metrics.txt"
    same_metrics.write_text(console_metrics())

    assert run("report", spans, "--by", "service.name") == run("report", same, "--by", "service.name")
    assert run("report", metrics, "--by", "tenant.id") == run("report", same_metrics, "--by", "tenant.id")
    assert run("report", metrics, "--json").json["total"]["USD"]["amount"] == "1.5"


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
def test_metrics_are_counted_once_however_often_they_were_exported(run: Run, save: Save, delta: bool) -> None:
    result = run("report", save(console_metrics(delta=delta), "metrics.txt"), "--json")

    assert result.status == 3
    assert result.json["total"] == {
        "USD": {
            "calls": 4,
            "amount": "1.5",
            "parts": {"input": "0.8", "cache": "0.1", "output": "0.6", "reasoning": "0", "tools": "0", "other": "0"},
        }
    }
    assert result.json["models"][0]["tokens"] == {
        "input": 240,
        "cached": 40,
        "written": 0,
        "output": 80,
        "reasoning": 20,
    }
    assert result.json["not_priced"] == [
        {"reason": "unknown_model", "model": "velo-1", "calls": 1, "at_least": None, "currency": None}
    ]


def test_two_processes_of_one_service_are_added_up(run: Run, save: Save) -> None:
    result = run("report", save(console_metrics() + console_metrics(), "metrics.txt"), "--json")

    assert result.json["total"]["USD"]["amount"] == "3"


def test_metrics_of_the_calls_that_spans_describe_are_not_counted_again(run: Run, save: Save) -> None:
    file = save(console(PRICED) + console_metrics(), "both.txt")

    by_default, by_metrics = run("report", file), run("report", file, "--metrics")

    assert "0.0183 USD for 1 of 1 call." in by_default.out
    assert by_default.err == (
        "The metrics in this input are not in the table beside the other: they count 5 calls, 1.500000 USD.\n"
    )
    assert "1.5000 USD for 4 of 5 calls." in by_metrics.out
    assert by_metrics.err == (
        "The spans in this input are not in the table beside the other: they count 1 call, 0.018314 USD.\n"
    )


def test_compressed_files_and_several_files_are_read(run: Run, save: Save, tmp_path: Path) -> None:
    compressed = tmp_path / "spans.txt.gz"
    compressed.write_bytes(gzip.compress(console(PRICED).encode()))

    assert run("report", compressed, save(console(PRICED), "more.txt"), "--json").json["calls"] == 2


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_is_read(compress: Callable[[bytes], bytes]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", MODULE, "report", "--json"],
        input=compress(console(PRICED).encode()),
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert json.loads(done.stdout)["total"]["USD"]["amount"] == "0.0183136"


def test_what_cannot_be_read_is_said(run: Run, save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "MOST_BYTES", 4096)
    otlp = json.dumps({"resourceSpans": [], "text": '"gen_ai.' + "x" * 10_000})
    cut_off = console(PRICED).rstrip().removesuffix("}")
    text = otlp + "\n" + '{"resourceSpans": [{"gen_ai.": ]}\n' + console(PRICED) + cut_off

    result = run("report", save(text, "broken.txt"))

    assert "0.0183 USD for 1 of 1 call." in result.out
    assert result.err == (
        "Documents that are no JSON, or not complete, were passed over: 2\n"
        "Documents of more than 32 MiB were passed over: 1\n"
    )


def test_nothing_in_a_file_can_break_the_command(run: Run, save: Save) -> None:
    dice = random.Random(22)
    good = json.dumps(
        {"resourceSpans": [{"resource": {"attributes": []}, "scopeSpans": [{"spans": [{"attributes": []}]}]}]}
    )
    odd = ["null", "[]", "{}", '"x"', "1", "-1e999", "true", '{"attributes": 5, "context": [], "gen_ai.": 1}']
    lines = []
    for _ in range(3000):
        text = good.replace("[]", dice.choice(odd), dice.randint(0, 2)).replace("{", dice.choice(["{", "["]), 1)
        lines.append(text[: -1 - 1] + ', "gen_ai.x": 1}')
    metric = {"name": "gen_ai.client.operation.cost", "sum": {"dataPoints": [{"asDouble": "NaN"}, {"count": "x"}, 3]}}
    lines.append(json.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric, {"name": 5}, None]}]}]}))

    assert run("report", save("\n".join(lines), "odd.txt")).out == "No calls.\n"


# --- what is printed -------------------------------------------------------------------------------------------------


def test_calls_are_added_up_by_attributes_of_spans_and_of_the_resource(run: Run, save: Save) -> None:
    file = save(console(PRICED, {**PRICED, "tenant.id": "globex"}, UNPRICED), "console.txt")

    result = run("report", file, "--by", "tenant.id", "--by", "service.name")

    assert "USD by tenant.id            input      cache" in result.out
    assert "acme                       0.0079     0.0004" in result.out
    assert "globex                     0.0079     0.0004" in result.out
    assert "NOT PRICED by tenant.id\n    1 call  (none)\n" in result.out
    assert "help-desk                  0.0158     0.0008" in result.out


def test_json_has_every_sum_to_the_last_decimal(run: Run, save: Save) -> None:
    result = run("report", save(console(PRICED, UNPRICED, FAILED), "console.txt"), "--json", "--by", "tenant.id")

    cost = {
        "USD": {
            "calls": 1,
            "amount": "0.0183136",
            "parts": {
                "input": "0.007904",
                "cache": "0.0004096",
                "output": "0.006",
                "reasoning": "0.004",
                "tools": "0",
                "other": "0",
            },
        }
    }
    tokens = {"input": 3000, "cached": 1024, "written": 0, "output": 500, "reasoning": 200}
    none = {"input": 0, "cached": 0, "written": 0, "output": 0, "reasoning": 0}
    assert result.json == {
        "calls": 3,
        "priced": 1,
        "unpriced": 1,
        "errors": 1,
        "total": cost,
        "models": [
            {"model": "gpt-a-2026-08-21", "calls": 1, "unpriced": 0, "tokens": tokens, "cost": cost},
            {"model": "gpt-b", "calls": 1, "unpriced": 0, "tokens": none, "cost": {}},
            {"model": "velo-1", "calls": 1, "unpriced": 1, "tokens": none, "cost": {}},
        ],
        "by": {
            "tenant.id": [
                {"value": "acme", "calls": 1, "unpriced": 0, "tokens": tokens, "cost": cost},
                {"value": "(none)", "calls": 2, "unpriced": 1, "tokens": none, "cost": {}},
            ]
        },
        "not_priced": [{"reason": "unknown_model", "model": "velo-1", "calls": 1, "at_least": None, "currency": None}],
        "failed": [{"model": "gpt-b", "error": "openai.RateLimitError", "calls": 1, "billed": False}],
        "price_lists": ["bundled 2026-11-22"],
    }


def test_csv_has_one_line_for_each_sum(run: Run, save: Save) -> None:
    euros = {**PRICED, "gen_ai.usage.cost.currency": "EUR"}
    result = run("report", save(console(PRICED, euros, UNPRICED), "console.txt"), "--csv", "--by", "tenant.id")

    rows = [*csv.DictReader(io.StringIO(result.out))]
    assert [(row["by"], row["value"], row["calls"], row["currency"], row["amount"]) for row in rows] == [
        ("model", "gpt-a-2026-08-21", "2", "EUR", "0.0183136"),
        ("model", "gpt-a-2026-08-21", "0", "USD", "0.0183136"),
        ("model", "velo-1", "1", "", ""),
        ("tenant.id", "acme", "2", "EUR", "0.0183136"),
        ("tenant.id", "acme", "0", "USD", "0.0183136"),
        ("tenant.id", "(none)", "1", "", ""),
    ]
    assert sum(int(row["input_tokens"]) for row in rows if row["by"] == "model") == 6000


@pytest.mark.parametrize(
    ("spans", "status"),
    [([PRICED], 0), ([PRICED, FAILED], 0), ([PRICED, UNPRICED], 3), ([NO_CALL], 4), ([], 4)],
    ids=["priced", "failed", "unpriced", "no call", "nothing"],
)
def test_the_exit_status_says_whether_every_call_has_a_price(
    run: Run, save: Save, spans: list[dict[str, object]], status: int
) -> None:
    assert run("report", save(console(*spans), "console.txt")).status == status


def test_a_file_that_is_not_there_is_one_line(run: Run, tmp_path: Path) -> None:
    missing = tmp_path / "missing.txt"

    result = run("report", missing)

    assert result == (2, "", f"opentelemetry-openai-cost report: error: {missing}: No such file or directory\n")


def test_a_compressed_file_that_ends_too_early_is_one_line(run: Run, tmp_path: Path) -> None:
    cut_off = tmp_path / "cut.gz"
    cut_off.write_bytes(gzip.compress(console(PRICED).encode())[:-20])

    result = run("report", cut_off)

    assert (result.status, result.out) == (2, "")
    assert result.err.startswith(f"opentelemetry-openai-cost report: error: {cut_off}: ")


# --- on a terminal ---------------------------------------------------------------------------------------------------


def on_terminal(*arguments: str | Path, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Runs the command with standard output and standard error on a terminal of 120 columns."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", MODULE, *map(str, arguments)],
        stdout=follower,
        stderr=follower,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "120", "TERM": "xterm", **(environment or {})},
    )
    os.close(follower)
    output = b""
    while True:
        try:
            chunk = os.read(leader, 65536)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    os.close(leader)
    return process.wait(60), re.sub("\x1b\\[[0-9;]*m", "", output.decode().replace("\r\n", "\n"))


def test_a_terminal_gets_tables_of_rich_unless_plain_text_is_asked_for(save: Save) -> None:
    file = save(console(PRICED, UNPRICED, FAILED), "console.txt")

    status, rich = on_terminal("report", file)
    _, narrow = on_terminal("report", file, environment={"COLUMNS": "60"})
    _, plain = on_terminal("report", file, "--plain")

    assert status == 3
    assert "┃ USD              ┃" in rich
    assert "│ gpt-a-2026-08-21 " in rich
    assert "0.0183 USD for 1 of 3 calls." in rich
    assert "\ngpt-a-2026-08-21           0.0079" in narrow
    assert plain.startswith("TOKENS                      calls")


def test_a_terminal_gets_plain_text_where_rich_is_not_installed(save: Save, tmp_path: Path) -> None:
    file = save(console(PRICED), "console.txt")
    blocker = tmp_path / "sitecustomize.py"
    blocker.write_text("import sys\nsys.modules['rich'] = None\n")

    status, plain = on_terminal("report", file, environment={"PYTHONPATH": str(tmp_path)})

    assert status == 0
    assert plain.startswith("TOKENS                      calls")


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        return True


def test_a_bar_shows_how_much_of_a_large_file_is_read_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PAUSE", 0.0)
    terminal = Terminal()
    bar = progress.Progress(100_000_000, terminal)
    bar.advance(25_000_000)
    bar.advance(25_000_000)
    half = terminal.getvalue().split("\r")[-1].rstrip()
    bar.close()

    assert half.startswith("[###############...............]  50% of 100 MB, ")
    assert half.endswith(" s left")
    assert terminal.getvalue().endswith("\r" + " " * len(half) + "\r")


def test_a_bar_of_unknown_length_says_how_much_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_PAUSE", 0.0)
    terminal = Terminal()
    progress.Progress(None, terminal).advance(80_000_000)

    assert terminal.getvalue().startswith("\r80 MB read, ")


@pytest.mark.parametrize(("size", "stream"), [(1000, Terminal()), (100_000_000, io.StringIO()), (100_000_000, None)])
def test_there_is_no_bar_for_small_files_and_where_nobody_watches(
    size: int, stream: io.StringIO | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_PAUSE", 0.0)
    bar = progress.Progress(size, stream)
    bar.advance(size)
    bar.close()

    assert stream is None or stream.getvalue() == ""


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    one = console(PRICED, UNPRICED, FAILED) + "a line of the application\n"

    def peak(copies: int) -> int:
        """Bytes that the command needs to read so many copies."""
        file = tmp_path / "large.txt"
        with file.open("w") as out:
            for _ in range(copies):
                out.write(one)
        code = (
            "import resource, sys; from opentelemetry.instrumentation.openai_cost.cli.__main__ import main\n"
            f"status = main(['report', {str(file)!r}, '--json', '--by', 'tenant.id'])\n"
            "print(status, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
        assert json.loads(done.stdout)["calls"] == 3 * copies
        status, size = map(int, done.stderr.split())
        assert status == 3
        return size * (1 if sys.platform == "darwin" else 1024)

    few, many = peak(20), peak(4000)
    assert (tmp_path / "large.txt").stat().st_size > 10_000_000
    assert many - few < 4_000_000
