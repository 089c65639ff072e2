# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``reconcile``: the real client asks a server with the shapes of the organisation's API; its bill beside our prices."""

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openai
import pytest

from opentelemetry.instrumentation.openai_cost.cli import line_items
from opentelemetry.instrumentation.openai_cost.cli.line_items import Item
from support.exports import PRICED, UNPRICED, console

Run = Callable[..., Any]
KEY = "sk-admin-never-to-be-seen-1234567890"
DAY = 1792972800  # 2026-10-26, UTC
PERIOD = ("--from", "2026-10-26", "--to", "2026-10-27")

needs_admin = pytest.mark.skipif(
    not hasattr(openai.OpenAI, "admin"), reason="this client does not know the organisation's API"
)


class Organization:
    """What the server has: results by resource and day, in pages of one bucket, and the requests that came."""

    def __init__(self) -> None:
        self.results: dict[str, dict[int, list[dict[str, Any]]]] = {}
        self.error: tuple[int, Any] | None = None
        self.loops = False
        self.requests: list[tuple[str, str, dict[str, list[str]], str]] = []

    def add(self, resource: str, day: int, **fields: Any) -> None:
        name = f"organization.{resource.replace('/', '.')}.result"
        self.results.setdefault(resource, {}).setdefault(day, []).append({"object": name, **fields})

    def used(self, day: int = 0, **fields: Any) -> None:
        """Usage of a chat model."""
        defaults = {"num_model_requests": 1, "output_tokens": 0, "batch": False, "service_tier": "default"}
        self.add("usage/completions", day, **{**defaults, **fields})

    def billed(self, line_item: str, value: Any, day: int = 0, **fields: Any) -> None:
        """A line of the bill."""
        amount = {"value": value, "currency": "usd"}
        self.add("costs", day, **{"amount": amount, "line_item": line_item, "project_id": None, **fields})

    def answer(self, resource: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if self.error is not None:
            return self.error
        days = [0, 1]
        index = int(query.get("page", ["page_0"])[0].removeprefix("page_"))
        bucket = {
            "object": "bucket",
            "start_time": DAY + 86400 * days[index],
            "end_time": DAY + 86400 * (days[index] + 1),
            "results": self.results.get(resource, {}).get(days[index], []),
        }
        more = index == 0 or self.loops
        cursor = "page_1" if more else None
        return 200, {"object": "page", "data": [bucket], "has_more": more, "next_page": cursor}


@pytest.fixture
def organization(monkeypatch: pytest.MonkeyPatch) -> Iterator[Organization]:
    """An organisation of two days, and an environment in which the client asks for it."""
    found = Organization()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query)
            found.requests.append((self.command, parts.path, query, self.headers.get("authorization", "")))
            status, body = found.answer(parts.path.removeprefix("/v1/organization/"), query)
            content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("x-should-retry", "false")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keeps quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    for name in [*os.environ]:
        if name.lower().endswith("_proxy") or name.startswith("OPENAI_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_address[1]}/v1")
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reconcile(run: Run, book: Path) -> Callable[..., Any]:
    """Runs the command with the small price book."""
    return lambda *arguments: run("reconcile", *PERIOD, "--book", book, *arguments)


def lines(result: Any) -> dict[str, tuple[str | None, str | None, bool | None]]:
    """Billed, computed and whether they agree, by line item."""
    return {line["line_item"]: (line["billed"], line["computed"], line["agrees"]) for line in result.json["lines"]}


@needs_admin
class TestAgainstReportedUsage:
    def test_every_line_of_a_bill_at_our_prices_agrees(self, organization: Organization, reconcile: Run) -> None:
        for day in (0, 1):
            organization.used(
                day,
                model="gpt-a-2026-08-21",
                input_tokens=1_500_000,
                input_cached_tokens=400_000,
                input_cache_write_tokens=100_000,
                output_tokens=200_000,
            )
            organization.billed("gpt-a-2026-08-21, input", 4.0, day, quantity=1000, quantity_unit="1000_tokens")
            organization.billed(
                "gpt-a-2026-08-21, cached input", "0.16", day, quantity=400, quantity_unit="1000_tokens"
            )
            organization.billed("gpt-a-2026-08-21, cache writes", 0.5, day, quantity=100, quantity_unit="1000_tokens")
            organization.billed("gpt-a-2026-08-21, output", 4.0, day, quantity=200, quantity_unit="1000_tokens")

        result = reconcile()

        assert result == (
            0,
            "What OpenAI billed from 2026-10-26 until 2026-10-27, UTC, in USD; price book 2026-11-22\n"
            "\n"
            "line item                        quantity  billed  computed  difference\n"
            "gpt-a-2026-08-21, input         2,000,000  8.0000    8.0000     +0.0000  +0.0%\n"
            "gpt-a-2026-08-21, output          400,000  8.0000    8.0000     +0.0000  +0.0%\n"
            "gpt-a-2026-08-21, cache writes    200,000  1.0000    1.0000     +0.0000  +0.0%\n"
            "gpt-a-2026-08-21, cached input    800,000  0.3200    0.3200     +0.0000  +0.0%\n"
            "\n"
            "billed       17.3200 USD\n"
            "computed     17.3200 USD\n"
            "difference   +0.0000 USD\n"
            "4 line items: 0 different by more than 1 % (!), 0 not computed\n"
            "Computed: the usage that the API reports, at the price list. Usage is not divided by region, nor by"
            " prompt length.\n",
            "",
        )

    def test_only_questions_are_asked_with_the_admin_key_and_every_page_of_them(
        self, organization: Organization, reconcile: Run
    ) -> None:
        reconcile("--project", "proj_1", "--project", "proj_2")

        assert {method for method, *_ in organization.requests} == {"GET"}
        assert {key for *_, key in organization.requests} == {f"Bearer {KEY}"}
        asked = [query for _, path, query, _ in organization.requests if path == "/v1/organization/usage/completions"]
        assert [query.get("page") for query in asked] == [None, ["page_1"]]
        assert asked[0]["group_by[]"] == ["model", "batch", "service_tier"]
        assert (asked[0]["start_time"], asked[0]["end_time"]) == ([str(DAY)], [str(DAY + 2 * 86400)])
        assert asked[0]["project_ids[]"] == ["proj_1", "proj_2"]
        billed = [query for _, path, query, _ in organization.requests if path == "/v1/organization/costs"]
        assert billed[0]["group_by[]"] == ["line_item"]

    def test_a_line_that_was_billed_at_another_price_is_marked(
        self, organization: Organization, reconcile: Run
    ) -> None:
        organization.used(model="gpt-b", input_tokens=1_000_000)
        organization.billed("gpt-b, input", 2.5)

        result = reconcile()

        assert result.status == 1
        assert "gpt-b, input  1,000,000  2.5000    2.0000     -0.5000  -20.0% !" in result.out
        assert reconcile("--tolerance", "25").status == 0

    def test_batches_and_tiers_are_priced_as_such(self, organization: Organization, reconcile: Run) -> None:
        organization.used(model="gpt-b", input_tokens=1_000_000, batch=True)
        organization.used(model="gpt-a", input_tokens=1_000_000, service_tier="priority")
        organization.billed("batch | gpt-b, input", 1.0)
        organization.billed("priority | gpt-a, input", 8.0)

        result = reconcile("--json")

        assert lines(result) == {"priority | gpt-a, input": ("8", "8", True), "batch | gpt-b, input": ("1", "1", True)}

    def test_prices_are_those_of_the_day(
        self, organization: Organization, reconcile: Run, document: dict[str, Any], save: Callable[..., Path]
    ) -> None:
        rates = document["providers"]["openai"]["models"]["gpt-b"]["rates"]
        rates.append({"tier": "standard", "from": "2026-10-27", "input": "3", "output": "9", "source": "overlay"})
        for day in (0, 1):
            organization.used(day, model="gpt-b", input_tokens=1_000_000)
        organization.billed("gpt-b, input", 2)
        organization.billed("gpt-b, input", 3, 1)

        assert lines(reconcile("--json", "--book", save(document, "dated.json"))) == {"gpt-b, input": ("5", "5", True)}

    def test_long_context_is_divided_as_the_bill_divides_it(self, organization: Organization, reconcile: Run) -> None:
        organization.used(model="gpt-a", input_tokens=1_000_000)
        organization.billed("gpt-a, input", 2.4, quantity=600, quantity_unit="1000_tokens")
        organization.billed("gpt-a, input, long context", 3.2, quantity=400, quantity_unit="1000_tokens")

        result = reconcile("--json")

        assert lines(result) == {
            "gpt-a, input, long context": ("3.2", "3.2", True),
            "gpt-a, input": ("2.4", "2.4", True),
        }
        assert result.json["lines"][0]["notes"] == ["computed from the billed quantity"]

    def test_aggregated_usage_is_not_taken_for_one_long_prompt(
        self, organization: Organization, reconcile: Run
    ) -> None:
        organization.used(model="gpt-a", input_tokens=10_000_000)
        organization.billed("gpt-a, input", 40.0)
        assert reconcile().status == 0

    def test_usage_that_does_not_tell_batches_is_divided_as_the_bill_divides_it(
        self, organization: Organization, reconcile: Run
    ) -> None:
        organization.add("usage/embeddings", 0, model="gpt-b", input_tokens=3_000_000, num_model_requests=1)
        organization.billed("gpt-b, input", 4.0, quantity=2000, quantity_unit="1000_tokens")
        organization.billed("batch | gpt-b, input", 1.0, quantity=1_000_000, quantity_unit="tokens")

        assert lines(reconcile("--json")) == {
            "gpt-b, input": ("4", "4", True),
            "batch | gpt-b, input": ("1", "1", True),
        }

    def test_seconds_and_characters_are_compared(self, organization: Organization, reconcile: Run) -> None:
        organization.add("usage/audio_speeches", 0, model="speech-1", characters=2_000_000, num_model_requests=1)
        organization.add("usage/audio_transcriptions", 0, model="live-1", seconds=600, num_model_requests=1)
        organization.billed("speech-1", 30.0, quantity=2_000_000, quantity_unit="characters")
        organization.billed("live-1", 0.5, quantity=10, quantity_unit="duration_minutes")

        assert lines(reconcile("--json")) == {"speech-1": ("30", "30", True), "live-1": ("0.5", "0.5", True)}

    def test_searches_are_compared_where_the_client_can_ask_for_them(
        self, organization: Organization, reconcile: Run
    ) -> None:
        from openai.resources.admin.organization.usage import Usage

        organization.add("usage/web_search_calls", 0, model="gpt-a", num_requests=300, num_model_requests=1)
        organization.billed("web search tool calls", 3.0)

        computed = ("3", True) if hasattr(Usage, "web_search_calls") else (None, None)
        assert lines(reconcile("--json")) == {"web search tool calls": ("3", *computed)}

    def test_what_cannot_be_computed_is_shown_with_its_reason_and_is_in_no_difference(
        self, organization: Organization, reconcile: Run
    ) -> None:
        organization.used(model="gpt-b", input_tokens=1_000_000)
        organization.used(model="velo-1", input_tokens=1_000_000)
        organization.billed("gpt-b, input", 2.0)
        organization.billed("velo-1, input", 7.0)
        organization.billed("assistants api | file search", 0.25)
        organization.billed("gpt-b, output", 1.0)

        result = reconcile()

        assert result.status == 3
        (velo,) = [line.split() for line in result.out.splitlines() if line.startswith("velo-1, input")]
        assert velo == ["velo-1,", "input", "1,000,000", "7.0000", "-", "-", "1"]
        assert "  1  no price: unknown_model\n" in result.out
        assert "not in the price list, or of an unknown form" in result.out
        assert "usage does not tell how much" in result.out
        assert "billed       10.2500 USD\nof that      2.0000 USD in lines that can be computed\n" in result.out
        assert "difference   +0.0000 USD\n" in result.out

    def test_usage_that_was_not_billed_is_a_difference(self, organization: Organization, reconcile: Run) -> None:
        organization.used(model="gpt-b", input_tokens=1_000_000)

        result = reconcile("--json")

        assert result.status == 1
        assert lines(result) == {"gpt-b, input": (None, "2", False)}
        assert result.json["lines"][0]["notes"] == ["not billed"]

    def test_an_organisation_without_usage_is_said(self, organization: Organization, reconcile: Run) -> None:
        result = reconcile()
        assert (result.status, result.out.splitlines()[-1]) == (4, "Nothing was billed, and nothing used.")

    def test_the_users_prices_are_used(
        self, organization: Organization, reconcile: Run, save: Callable[..., Path]
    ) -> None:
        prices = save({"discounts": [{"match": "gpt-b", "percent": 10}]}, "prices.json")
        organization.used(model="gpt-b", input_tokens=1_000_000)
        organization.billed("gpt-b, input", 1.8)
        assert lines(reconcile("--json", "--prices", prices)) == {"gpt-b, input": ("1.8", "1.8", True)}

    def test_the_regional_uplift_is_added_where_it_is_asked_for(
        self, organization: Organization, reconcile: Run
    ) -> None:
        organization.used(model="gpt-a", input_tokens=1_000_000)
        organization.billed("gpt-a, input", 4.4)
        assert reconcile().status == 1
        assert reconcile("--region", "eu").status == 0


@needs_admin
class TestAgainstTelemetry:
    def test_what_was_billed_stands_beside_what_the_spans_of_the_period_say(
        self, organization: Organization, reconcile: Run, save: Callable[..., Path]
    ) -> None:
        inside = console(PRICED, PRICED, UNPRICED, end=(DAY + 3600) * 10**9)
        outside = console(PRICED, end=(DAY - 1) * 10**9)
        organization.billed("gpt-a-2026-08-21, input", 0.0158)
        organization.billed("gpt-a-2026-08-21, cached input", 0.0008)
        organization.billed("gpt-a-2026-08-21, output", 0.05)
        organization.billed("web search tool calls", 0.01)

        spans = save(inside + outside, "spans.txt")
        result = reconcile("--telemetry", spans, "--json")

        assert {path for _, path, *_ in organization.requests} == {"/v1/organization/costs"}
        found = {line["line_item"]: (line["billed"], line["computed"]) for line in result.json["lines"]}
        assert found == {
            "gpt-a-2026-08-21, input": ("0.0158", "0.015808"),
            "gpt-a-2026-08-21, cache": ("0.0008", "0.0008192"),
            "gpt-a-2026-08-21, output": ("0.05", "0.02"),
            "tools": ("0.01", "0"),
            "velo-1, input": (None, None),
        }
        assert result.status == 1
        assert reconcile("--telemetry", spans).out.endswith("\nComputed: what the spans say.\n")


@needs_admin
class TestWhenTheApiDoesNotAnswer:
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (
                (401, {"error": {"message": f"Incorrect API key provided: {KEY[:8]}***7890.", "code": "x"}}),
                "the API answered 401 to completions: ",
            ),
            ((403, {"error": {"message": f"Not with {KEY}"}}), "the API answered 403 to completions: "),
            ((500, "not json"), "the API answered 500 to completions: "),
            ((200, {"object": "page", "data": 5, "has_more": False}), "is not of the documented form"),
            ((200, "<html>a page of some proxy</html>"), "the API's answer to completions is no JSON"),
        ],
    )
    def test_it_is_one_line_without_the_key(
        self, organization: Organization, reconcile: Run, error: tuple[int, Any], told: str
    ) -> None:
        organization.error = error
        result = reconcile()
        assert (result.status, result.out, len(result.err.splitlines())) == (5, "", 1)
        assert told in result.err
        assert "7890" not in result.err
        assert KEY[:8] not in result.err

    def test_pages_without_end_are_not_read_for_ever(self, organization: Organization, reconcile: Run) -> None:
        organization.loops = True
        result = reconcile()
        assert (result.status, result.err) == (
            5,
            "reconcile: the API's answer to completions has no end: page page_1 came twice\n",
        )

    def test_a_server_that_is_not_there_is_one_line(
        self, organization: Organization, reconcile: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        result = reconcile()
        assert (result.status, len(result.err.splitlines())) == (5, 1)
        assert result.err.startswith("reconcile: the API cannot be reached: ")


@needs_admin
def test_without_a_key_the_variable_is_named(
    organization: Organization, reconcile: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_ADMIN_KEY")
    result = reconcile()
    assert (result.status, organization.requests) == (2, [])
    assert "OPENAI_ADMIN_KEY is not set" in result.err


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("__version__ = '2.33.0'\nclass OpenAI: pass\n", "2.33.0 is installed"),
        ("raise ImportError\n", "none is installed"),
    ],
)
def test_a_client_that_is_too_old_is_one_line(tmp_path: Path, module: str, told: str) -> None:
    (tmp_path / "openai.py").write_text(module)
    done = subprocess.run(
        [sys.executable, "-m", "opentelemetry.instrumentation.openai_cost.cli", "reconcile", "--from", "2026-10-26"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OPENAI_ADMIN_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "opentelemetry-openai-cost reconcile: error: reconcile needs openai 2.34 or newer, whose client has the"
        f" organisation's usage and costs; {told}"
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--from", "yesterday"], "'yesterday' is not a day such as 2026-11-22"),
        (["--from", "2026-10-26", "--to", "2026-10-25"], "--to 2026-10-25 is before --from 2026-10-26"),
        (["--from", "2026-10-26", "--tolerance", "-1"], "'-1' is not a number of percent such as 0.5"),
        ([], "required: --from"),
    ],
)
def test_a_period_that_makes_no_sense_is_one_line(run: Run, arguments: list[str], told: str) -> None:
    result = run("reconcile", *arguments)
    assert result.status == 2
    assert told in result.err


@pytest.mark.parametrize(
    ("name", "unit", "item"),
    [
        ("gpt-5-2025-08-07, input", None, Item("standard", "gpt-5-2025-08-07", "input")),
        ("gpt-6-astra, input_tokens", None, Item("standard", "gpt-6-astra", "input")),
        ("flex | gpt-5-mini, cached input", None, Item("flex", "gpt-5-mini", "cache_read")),
        (
            "priority | gpt-5.6-sol, output, long context",
            None,
            Item("priority", "gpt-5.6-sol", "output", is_long=True),
        ),
        ("gpt-5.6-terra, cache writes", None, Item("standard", "gpt-5.6-terra", "cache_write")),
        ("gpt-audio-mini-2025-12-15 audio, input", None, Item("standard", "gpt-audio-mini-2025-12-15", "audio_input")),
        ("gpt-image-2.5-flare image, output", None, Item("standard", "gpt-image-2.5-flare", "image_output")),
        ("gpt-image-2.5-flare text, cached input", None, Item("standard", "gpt-image-2.5-flare", "cache_read")),
        ("ft-gpt-4o-2024-08-06, output", None, Item("standard", "ft-gpt-4o-2024-08-06", "output")),
        ("tts-1", "characters", Item("standard", "tts-1", "characters")),
        ("whisper-1", "duration_minutes", Item("standard", "whisper-1", "audio_seconds")),
        ("text-embedding-3-small", "1000_tokens", Item("standard", "text-embedding-3-small", "input")),
        ("web search tool calls", None, Item("standard", "", "web_search")),
        ("evals | gpt-4o-mini, input", None, None),
        ("assistants api | file search", None, None),
        ("Vector storage", "gibibyte_hours", None),
        ("gpt-5, something new", None, None),
        ("", None, None),
    ],
)
def test_the_known_forms_of_line_items_are_read_and_no_other(name: str, unit: str | None, item: Item | None) -> None:
    assert line_items.read(name, unit) == item


@pytest.mark.parametrize(
    ("value", "unit", "quantity"),
    [
        (12.5, "1000_tokens", Decimal("12500")),
        ("3", "tokens", Decimal(3)),
        (2, "duration_minutes", Decimal(120)),
        (2, "gibibyte_hours", None),
        (2, None, None),
        ("many", "tokens", None),
        (True, "tokens", None),
    ],
)
def test_quantities_are_brought_to_the_units_of_the_price_list(
    value: object, unit: str | None, quantity: Decimal | None
) -> None:
    assert line_items.quantity(value, unit) == quantity
