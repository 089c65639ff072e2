# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The demo from end to end: the command, in a process of its own, and its sums against the server's ledger."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path

import openai
import pytest

from opentelemetry.instrumentation.openai_cost.demo import __main__ as command
from opentelemetry.instrumentation.openai_cost.demo.answers import OVER_QUOTA_KEY
from opentelemetry.instrumentation.openai_cost.demo.help_desk import TASKS
from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from opentelemetry.instrumentation.openai_cost.endpoints import ENDPOINTS, WITH_ID
from support.clients import OPENAI_VERSION

MODULE = "opentelemetry.instrumentation.openai_cost.demo"

installed = pytest.mark.skipif(
    "openai_cost" not in entry_points(group="opentelemetry_instrumentor").names,
    reason="the distribution is not installed, so opentelemetry-instrument cannot find it",
)
current = pytest.mark.skipif(OPENAI_VERSION < (3, 45), reason="this client lacks calls that the demo makes")

# USD per million tokens: input, cached input, output, and where they are billed cache writes of 30 minutes and 12 hours.
RATES = {
    "gpt-3.5-turbo-instruct": ("1.5", "0", "2"),
    "gpt-4o": ("2.5", "1.25", "10"),
    "gpt-4o-2024-08-06": ("2.5", "1.25", "10"),
    "gpt-4o-mini-2024-07-18": ("0.15", "0.075", "0.6"),
    "gpt-4o-mini-transcribe": ("1.25", "0", "5"),
    "gpt-4o-mini-tts": ("0.6", "0", "12"),
    "gpt-4o-transcribe": ("2.5", "0", "10"),
    "gpt-5.4": ("5", "0.5", "22.5"),  # the long-context rates: its only call has more than 272,000 tokens
    "gpt-5.4-mini-2026-03-17": ("0.75", "0.075", "4.5"),
    "gpt-5.5-2026-04-23": ("5", "0.5", "30"),
    "gpt-5.6-luna": ("0.2", "0.02", "1.2", "0.25", "0.5"),
    "gpt-6-luna, batch": ("0.05", "0", "0.25"),
    "gpt-6-luna": ("0.1", "0.01", "0.5", "0.125", "0.25"),
    "gpt-6-sol, priority": ("4", "0.4", "20", "5", "10"),
    "gpt-6.1-sol": ("2", "0.1", "10", "2.5", "5"),
    "gpt-6.1-terra": ("1", "0.05", "5", "1.25", "2.5"),
    "gpt-6.1-terra, flex": ("0.5", "0.025", "2.5", "0.625", "1.25"),
    "text-embedding-3-small": ("0.02", "0", "0"),
}
SPOKEN = ("0.6", "2.4", "10", "20")  # of gpt-audio-mini and gpt-realtime-mini: text in and out, audio in and out
IMAGES = {  # text input, image input, output
    "gpt-image-1.5": ("5", "8", "32"),
    "gpt-image-2.5-flare": ("5", "8", "30"),
}
UNITS = {  # of tts-1, whisper-1, gpt-live-1, sora-2 and dall-e-2
    "characters": Decimal(15) / 1_000_000,
    "audio_seconds": Decimal("0.006") / 60,
    "live_seconds": Decimal("0.05") / 60,
    "video_seconds": Decimal("0.1"),
    "images 512x512": Decimal("0.018"),
}
FEES = {"web_search": Decimal("0.01"), "file_search": Decimal("0.0025")}


def run(*arguments: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    return subprocess.run(
        [sys.executable, "-m", MODULE, *arguments],
        env={**kept, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def expected(entry: dict) -> Decimal:
    """What a call costs, from what the server reported and the prices above."""
    usage = entry["usage"]
    if entry["units"]:
        return sum(UNITS[unit] * Decimal(quantity) for unit, quantity in entry["units"].items())
    if usage.get("type") == "duration":
        return UNITS["audio_seconds"] * usage["seconds"]
    tokens_in = usage.get("prompt_tokens", usage.get("input_tokens", 0))
    tokens_out = usage.get("completion_tokens", usage.get("output_tokens", 0))
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    million = Decimal(1_000_000)
    if entry["model"] in IMAGES:
        counts = (details["text_tokens"], details["image_tokens"], tokens_out)
        rates = IMAGES[entry["model"]]
        return sum(Decimal(rate) * count for rate, count in zip(rates, counts, strict=True)) / million
    if entry["endpoint"] == "/decisions":
        tokens_out = 0  # free of charge
    if entry["model"] in ("gpt-audio-mini", "gpt-realtime-mini"):
        heard, spoken = (
            usage.get(f"{one}_tokens_details") or usage[f"{other}_token_details"]
            for one, other in (("prompt", "input"), ("completion", "output"))
        )
        sound_in, sound_out = heard["audio_tokens"], spoken["audio_tokens"]
        counts = (tokens_in - sound_in, tokens_out - sound_out, sound_in, sound_out)
        return sum(Decimal(rate) * count for rate, count in zip(SPOKEN, counts, strict=True)) / million
    read, written = details.get("cached_tokens", 0), details.get("cache_write_tokens", 0)
    lasting = details.get("cache_write_tokens_details", {}).get("ttl_12h_tokens", 0)
    rates = [Decimal(rate) for rate in (*RATES[label(entry)], "0", "0")]
    counts = (tokens_in - read - written, read, tokens_out, written - lasting, lasting)
    tokens = sum(rate * count for rate, count in zip(rates, counts, strict=False)) / million
    return tokens + sum((FEES[tool] * uses for tool, uses in entry["tools"].items()), Decimal(0))


def is_priced(entry: dict) -> bool:
    """Whether there is a price for what the server reported, and all of it was reported."""
    if entry["model"] in ("acme-velo-1", "containers") or "code_interpreter" in entry["tools"]:
        return False
    return bool(entry["usage"] or entry["units"]) and entry["endpoint"] != "/fine_tuning/jobs"


def label(entry: dict) -> str:
    if entry["endpoint"] == "/batches":
        return f"{entry['model']}, batch"
    tier = entry["service_tier"]
    return entry["model"] if tier in (None, "default") else f"{entry['model']}, {tier}"


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory) -> tuple[subprocess.CompletedProcess[str], list[dict]]:
    """One run of the demo: what it printed, and what its server reported."""
    ledger = tmp_path_factory.mktemp("demo") / "ledger.jsonl"
    # Settings of a busy environment, none of which may spoil the demo.
    busy = {"OTEL_TRACES_SAMPLER": "always_off", "OTEL_SDK_DISABLED": "true", "HTTP_PROXY": "http://127.0.0.1:9"}
    done = run("--ledger", str(ledger), environment=busy)
    return done, [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]


@installed
@current
class TestWithTheEmbeddedServer:
    def test_the_command_succeeds_and_has_nothing_to_complain_of(self, demonstration):
        done, _ = demonstration
        assert (done.returncode, done.stderr) == (0, "")

    def test_every_model_costs_what_the_reported_usage_costs(self, demonstration):
        done, ledger = demonstration
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for entry in ledger:
            if is_priced(entry):
                sums[label(entry)] += expected(entry)
        table = done.stdout.split("\nUSD ")[1].split("\n\n")[0].splitlines()
        shown = {row[:24].strip(): Decimal(row.split()[-1]) for row in table if re.match(r"[a-z].*\d$", row)}
        total = shown.pop("total")
        assert shown == {name: amount.quantize(Decimal("0.000001")) for name, amount in sums.items()}
        assert total == sum(sums.values()).quantize(Decimal("0.000001"))
        assert f"\n{total} USD for 47 of 54 calls. An estimate, not an invoice.\n" in done.stdout

    def test_every_reported_token_is_in_the_total(self, demonstration):
        done, ledger = demonstration
        table = done.stdout.split("\nTOKENS ")[1].split("\n\n")[0].splitlines()
        calls, tokens_in, cached, written, tokens_out, reasoning = [
            int(cell.replace(",", "")) for cell in table[-1].split()[1:]
        ]
        # What is billed later is in the metric of the cost, which has no tokens.
        now = [entry for entry in ledger if not entry["later"]]
        usages = [entry["usage"] for entry in now if entry["usage"] and "total_tokens" in entry["usage"]]
        inputs = [usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {} for usage in usages]
        outputs = [
            usage.get("completion_tokens_details") or usage.get("output_tokens_details") or {} for usage in usages
        ]
        assert calls == len(ledger)
        assert tokens_in + tokens_out == sum(usage["total_tokens"] for usage in usages)
        assert cached == sum(details.get("cached_tokens", 0) for details in inputs)
        assert written == sum(details.get("cache_write_tokens", 0) for details in inputs)
        assert reasoning == sum(details.get("reasoning_tokens", 0) for details in outputs)

    def test_what_has_no_price_is_listed_with_its_reason(self, demonstration):
        done, _ = demonstration
        listed = done.stdout.split("NOT PRICED, and in no sum above: 5 calls\n")[1].split("\n\n")[0]
        assert re.findall(r"^(?:  (\w+): |    1 call  (\S+))", listed, re.MULTILINE) == [
            ("missing_rate", ""),
            ("", "containers"),
            ("", "gpt-4o-mini-2024-07-18"),
            ("", "gpt-5.5-2026-04-23"),
            ("no_usage", ""),
            ("", "gpt-4.1-mini-2025-04-14"),
            ("unknown_model", ""),
            ("", "acme-velo-1"),
        ]
        assert "1 call  containers  at least 0.030000 USD" in listed

    def test_what_is_billed_later_is_counted_once_and_no_longer_listed_as_without_a_price(self, demonstration):
        done, ledger = demonstration
        later = [f"{expected(entry):.6f}" for entry in ledger if entry["later"] and is_priced(entry)]
        counted = r"^(?:  counted when finished|batch, |video).* (\d\S+)$"
        assert re.findall(counted, done.stdout, re.MULTILINE) == later
        assert len(later) == 11
        assert "background: " not in done.stdout.split("NOT PRICED")[1]
        assert re.search(
            r"^fine-tuning job +gpt-4o-mini-2024-07-18 +no price: missing_rate$", done.stdout, re.MULTILINE
        )

    def test_errors_are_listed(self, demonstration):
        done, _ = demonstration
        assert "ERRORS: 2 calls\n" in done.stdout
        assert "1 call  gpt-4o-mini  openai.RateLimitError\n" in done.stdout

    def test_what_is_printed_fits_a_terminal(self, demonstration):
        done, _ = demonstration
        assert done.stdout.isascii()
        assert max(map(len, done.stdout.splitlines())) <= 100


@installed
@current
class TestWithAKey:
    def test_the_calls_go_where_the_environment_says_and_cost_what_that_host_is_known_to_cost(self):
        with DemoServer() as server:
            done = run(
                environment={"OPENAI_API_KEY": "mine", "OPENAI_BASE_URL": server.base_url, "NO_PROXY": "127.0.0.1"}
            )
            assert len(server.ledger) == 8
        assert (done.returncode, done.stderr) == (0, "")
        assert f"these calls go to {server.base_url}" in done.stdout
        assert "unknown_provider: " in done.stdout
        assert "None of 8 calls has a price." in done.stdout

    def test_an_account_that_cannot_do_anything_gets_a_table_of_errors(self):
        with DemoServer() as server:
            key = {"OPENAI_API_KEY": OVER_QUOTA_KEY, "OPENAI_BASE_URL": server.base_url, "NO_PROXY": "127.0.0.1"}
            done = run(environment=key)
        assert done.returncode == 0
        assert "ERRORS: 8 calls" in done.stdout

    def test_the_embedded_server_can_still_be_asked_for(self, tmp_path: Path):
        ledger = tmp_path / "ledger.jsonl"
        done = run("--embedded", "--ledger", str(ledger), environment={"OPENAI_API_KEY": "mine"})
        assert done.returncode == 0
        assert len(ledger.read_text(encoding="utf-8").splitlines()) == 52


@current
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_every_billable_endpoint_and_every_websocket_is_called(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "demo")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with DemoServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        with openai.OpenAI(max_retries=0) as client:
            for task in TASKS:
                # Two of them are errors.
                with contextlib.suppress(openai.APIStatusError):
                    task.run(client)
    called = {(method.lower(), path.removeprefix("/v1")) for method, path in server.requests}
    assert {("get", "/realtime"), ("get", "/live/sessions"), ("get", "/responses")} <= called
    missing = ENDPOINTS.keys() - called
    missing |= {
        (method, pattern.pattern)
        for method, pattern, _ in WITH_ID
        if not any(verb == method and pattern.fullmatch(path) for verb, path in called)
    }
    assert missing == set()


class TestWhenSomethingIsOff:
    @installed
    @current
    def test_an_instrumentation_that_was_not_loaded_is_reported(self):
        with DemoServer() as server:
            environment = command.embedded_environment(server.base_url, os.environ)
            environment["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "openai_cost"
            launcher = Path(sys.executable).with_name("opentelemetry-instrument")
            done = subprocess.run(
                [launcher, sys.executable, "-m", f"{MODULE}.app", "--live"],
                env=environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        assert done.returncode == 1
        assert "The instrumentation left no span: it is installed" in done.stdout

    def test_an_application_that_is_not_instrumented_says_how_to_start_it(self):
        done = subprocess.run(
            [sys.executable, "-m", f"{MODULE}.app"], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 1
        assert "Start this with opentelemetry-instrument." in done.stdout

    def test_missing_packages_are_named(self, monkeypatch, capsys):
        monkeypatch.setitem(command._NEEDED, "a_module_that_nobody_has", "a-package-of-that-name")
        assert command.main([]) == 1
        assert capsys.readouterr().out == "The demo needs a-package-of-that-name: install the extra [demo].\n"


def test_settings_of_openai_and_opentelemetry_do_not_reach_the_application():
    environment = command.embedded_environment(
        "http://127.0.0.1:1/v1",
        {"PATH": "/bin", "OPENAI_ORG_ID": "org", "OTEL_SDK_DISABLED": "true", "OPENAI_API_KEY": "mine"},
    )
    assert {"OPENAI_ORG_ID", "OTEL_SDK_DISABLED"}.isdisjoint(environment)
    assert (environment["PATH"], environment["OPENAI_API_KEY"]) == ("/bin", "demo")


def test_with_a_key_the_users_price_file_is_used_and_other_settings_are_not():
    own = "OTEL_INSTRUMENTATION_OPENAI_COST_"
    environment = command.live_environment(
        {f"{own}PRICES": "mine.toml", f"{own}SPANS": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "x", "OPENAI_API_KEY": "k"}
    )
    assert environment[f"{own}PRICES"] == "mine.toml"
    assert {f"{own}SPANS", "OTEL_EXPORTER_OTLP_ENDPOINT"}.isdisjoint(environment)
    assert (environment["OPENAI_API_KEY"], environment["OTEL_TRACES_EXPORTER"]) == ("k", "none")
