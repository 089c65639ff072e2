# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The hand-verified price cases once more, from the bytes on the wire to the span and the histogram."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from support.clients import OPENAI_VERSION
from support.expect import (
    BOOK_VERSION,
    COST,
    MESSAGES,
    TOKENS,
    UNPRICED,
    assert_breakdown_adds_up,
    assert_ended_once,
    assert_no_cost,
    chat,
    money,
    response,
)
from support.payloads import DONE, event, payload
from support.server import json_answer, sse_answer

FILE = Path(__file__).parent.parent / "pricing" / "price_cases.jsonl"
CASES = {case["id"]: case for case in map(json.loads, filter(None, FILE.read_text(encoding="utf-8").splitlines()))}

ENDPOINTS = {"chat", "completions", "responses", "embeddings"}
ELSEWHERE = {"J07", "T01", "T03"}
"""A container, whose minutes no response carries (below), and what gateways report (in tests of their own)."""

PRICED = [
    name
    for name, case in CASES.items()
    if case["endpoint"] in ENDPOINTS and case["expected_status"] == "priced" and name not in ELSEWHERE
]
"""Cases that have an amount, by the book or by the user's file."""

STREAMED = ["A07", "A10", "D04", "E02", "F06", "I01", "J01", "K01", "P03", "R01", "R08"]
"""One of every kind that a stream reports in its own way."""

TIERS = {None: "standard", "default": "standard"}

PARTS = {
    "input (uncached)": "input",
    "input": "input",
    "text input": "input",
    "audio input": "input",
    "cached input": "cache_read",
    "cache write 30m": "cache_write",
    "cache write 12h": "cache_write",
    "output": "output",
    "text output": "output",
    "audio output": "output",
}
"""Which part of the breakdown a line of the arithmetic belongs to; what is not here is the fee of a tool."""


# --- a case as bytes ---


def created(case):
    return int(datetime.fromisoformat(case["request_time"].replace("Z", "+00:00")).timestamp())


def present(**fields):
    return {name: value for name, value in fields.items() if value is not None}


def details(case):
    """The details of input and output as the API nests them; no field that the case does not have."""
    used = case["usage"]
    into = present(
        cached_tokens=used.get("cached_tokens"),
        cache_write_tokens=used.get("cache_write_tokens"),
        cache_write_tokens_details=used.get("cache_write_tokens_details"),
        audio_tokens=used.get("input_audio_tokens"),
    )
    out = present(reasoning_tokens=used.get("reasoning_tokens"), audio_tokens=used.get("output_audio_tokens"))
    return into, out


def totals(case):
    used = case["usage"]
    into = used.get("input_tokens", used.get("prompt_tokens"))
    out = used.get("output_tokens", used.get("completion_tokens", 0))
    return into, out


def tier_of(case):
    return present(service_tier=case["service_tier"])


def chat_body(case):
    (into, out), (inside, outside) = totals(case), details(case)
    usage = present(prompt_tokens_details=inside or None, completion_tokens_details=outside or None)
    body = chat(case["model"], (into, out), created=created(case), usage=usage)
    return {**{name: value for name, value in body.items() if name != "service_tier"}, **tier_of(case)}


def completion_body(case):
    into, out = totals(case)
    usage = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
    return payload("completion_legacy.json", model=case["model"], created=created(case), usage=usage)


def response_body(case):
    inside, outside = details(case)
    usage = {
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0, **inside},
        "output_tokens_details": {"reasoning_tokens": 0, **outside},
    }
    body = response(case["model"], totals(case), created_at=created(case), usage=usage)
    del body["service_tier"]
    return {**body, **tier_of(case), **hosted_tools(case, body["output"])}


def hosted_tools(case, message):
    """What a response says of the hosted tools that it used: items, tools, and the billable searches."""
    tools = case["tools"]
    fields = {}
    if searches := tools.get("web_search", 0) + tools.get("web_search_preview", 0):
        kind = "web_search" if "web_search" in tools else "web_search_preview"
        search = {"type": "web_search_call", "status": "completed"}
        calls = [{**search, "id": f"ws_{n}", "action": {"type": "search", "query": "q"}} for n in range(searches)]
        # Opening a page is an item too, and free.
        calls.append({**search, "id": "ws_page", "action": {"type": "open_page", "url": "https://example.com"}})
        usage = {"web_search": {"num_requests": searches}}
        fields = {"tools": [{"type": kind}], "output": [*calls, *message], "tool_usage": usage}
    if searches := tools.get("file_search"):
        call = {"type": "file_search_call", "status": "completed", "queries": ["q"], "results": None}
        calls = [{**call, "id": f"fs_{n}"} for n in range(searches)]
        fields = {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}], "output": [*calls, *message]}
    if container := tools.get("code_interpreter"):
        tool = {"type": "code_interpreter", "container": {"type": "auto", "memory_limit": container["memory"]}}
        call = {"type": "code_interpreter_call", "status": "completed", "id": "ci_1", "container_id": "cntr_1"}
        fields = {"tools": [tool], "output": [{**call, "code": "1", "outputs": None}, *message]}
    return fields


def embeddings_body(case):
    return payload("embeddings.json", model=case["model"], usage=case["usage"])


BODIES = {
    "chat": chat_body,
    "completions": completion_body,
    "responses": response_body,
    "embeddings": embeddings_body,
}


def answer(case, stream=False):
    body = BODIES[case["endpoint"]](case)
    if not stream:
        return json_answer(body)
    if case["endpoint"] == "responses":
        begun = {**body, "status": "in_progress", "usage": None, "output": []}
        begun.pop("tool_usage", None)
        kinds = [("response.created", begun), ("response.completed", body)]
        return sse_answer(
            event({"type": kind, "sequence_number": number, "response": said}, kind)
            for number, (kind, said) in enumerate(kinds)
        )
    usage = body.pop("usage")
    choices = body.pop("choices")
    chunk = {**body, "object": "chat.completion.chunk" if case["endpoint"] == "chat" else "text_completion"}
    if case["endpoint"] == "chat":
        choices = [{"index": 0, "delta": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]
    chunks = [{**chunk, "choices": choices, "usage": None}, {**chunk, "choices": [], "usage": usage}]
    return sse_answer([*map(event, chunks), DONE])


# --- a case as a call ---


def call(client, case, stream=False):
    """The request that leads to the case; a coroutine with an asynchronous client."""
    options = {"model": case["model"]}
    if stream:
        options["stream"] = True
        if case["endpoint"] != "responses":
            options["extra_body"] = {"stream_options": {"include_usage": True}}
    if case["completion_window"]:
        window = {"completion_window": case["completion_window"]}
        options["extra_body"] = {"background": True, "background_options": window}
    if case["endpoint"] == "chat":
        return client.chat.completions.create(messages=MESSAGES, **options)
    if case["endpoint"] == "completions":
        return client.completions.create(prompt="Hello", **options)
    if case["endpoint"] == "embeddings":
        return client.embeddings.create(input="Hello", encoding_format="float", **options)
    return client.responses.create(input="Hello", **options)


def url(case):
    return f"https://{case['base_url_host']}/v1"


def case_of(name, **changes):
    """A case, perhaps with something else said; skipped where the client is older than its endpoint."""
    case = {**CASES[name], **changes}
    if case["endpoint"] == "responses" and OPENAI_VERSION < (1, 66):
        pytest.skip("the client has no Responses API")
    return case


@pytest.fixture
def start(instrument, tmp_path):
    """Instruments, with the user's price file where the case has one."""

    def start(case):
        if "override" not in case:
            return instrument()
        prices = tmp_path / "prices.json"
        prices.write_text(json.dumps(case["override"]), encoding="utf-8")
        return instrument(prices=str(prices))

    return start


# --- what is recorded ---


def assert_says(telemetry, case):
    """Span and histogram say what the case expects, and nothing is counted as unpriced."""
    expected = Decimal(case["expected_usd"])
    attributes = assert_ended_once(telemetry).attributes
    assert attributes["gen_ai.usage.cost.amount"] == float(expected)
    assert money(attributes["gen_ai.usage.cost.amount"]) == expected
    assert attributes["gen_ai.usage.cost.currency"] == "USD"
    assert attributes["gen_ai.usage.cost.source"] == "local"
    assert attributes["openai_cost.status"] == "priced"
    assert not {"openai_cost.unpriced.reason", "openai_cost.partial_amount"} & attributes.keys()
    assert attributes["openai_cost.pricing.tier"] == TIERS.get(case["service_tier"], case["service_tier"])
    version, _, file = attributes["openai_cost.pricing.version"].partition("+")
    assert version == BOOK_VERSION
    assert bool(file) == ("override" in case)
    assert attributes.get("openai.response.service_tier") == case["service_tier"] or case["endpoint"] in (
        "embeddings",
        "completions",
    )
    labels, point = telemetry.point(COST)
    assert point.count == 1
    assert point.sum == float(expected)
    assert labels["gen_ai.response.model"] == case["model"]
    assert labels["gen_ai.usage.cost.currency"] == "USD"
    assert labels["gen_ai.usage.cost.source"] == "local"
    assert labels["server.address"] == case["base_url_host"]
    assert labels.get("openai.response.service_tier") == attributes.get("openai.response.service_tier")
    assert telemetry.points(UNPRICED) == []


def assert_tokens(telemetry, case):
    into, out = totals(case)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.input_tokens"] == into
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "input"})[1].sum == into
    if case["endpoint"] == "embeddings":
        assert len(telemetry.points(TOKENS)) == 1
        return
    assert attributes["gen_ai.usage.output_tokens"] == out
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "output"})[1].sum == out


def lines(case):
    """The parts of the breakdown, from the lines of the arithmetic."""
    parts = dict.fromkeys(("input", "output", "cache_read", "cache_write", "tool"), Decimal(0))
    for line in case["line_items"]:
        part = PARTS.get(line["item"], "tool")
        parts[part] += Decimal(line["usd"])
        if part in ("cache_read", "cache_write"):
            parts["input"] += Decimal(line["usd"])
    return parts


@pytest.mark.parametrize("name", PRICED)
def test_a_case_has_its_amount_on_the_span_and_in_the_histogram(server, client, start, telemetry, name):
    case = case_of(name)
    start(case)
    server.queue(answer(case))
    call(client(base_url=url(case)), case)
    assert_says(telemetry, case)
    assert_tokens(telemetry, case)


@pytest.mark.parametrize("name", PRICED)
def test_the_breakdown_of_a_case_is_that_of_the_arithmetic_and_sums_to_the_amount(
    server, client, start, telemetry, name
):
    case = case_of(name)
    start(case)
    server.queue(answer(case))
    call(client(base_url=url(case)), case)
    attributes = telemetry.attributes()
    assert_breakdown_adds_up(attributes)
    parts = (attributes.get(f"openai_cost.{part}", 0.0) for part in ("input", "output", "tool", "other"))
    assert abs(sum(map(money, parts)) - Decimal(case["expected_usd"])) <= Decimal("1e-12")
    for part, amount in lines(case).items():
        assert money(attributes.get(f"openai_cost.{part}", 0.0)) == amount, part
    reasoning = case["usage"].get("reasoning_tokens", 0)
    assert ("openai_cost.reasoning" in attributes) == bool(reasoning)


@pytest.mark.parametrize("name", STREAMED)
def test_a_streamed_case_costs_the_same(server, client, start, telemetry, name):
    case = case_of(name)
    start(case)
    server.queue(answer(case, stream=True))
    assert len(list(call(client(base_url=url(case)), case, stream=True))) == 2
    assert_says(telemetry, case)
    assert_tokens(telemetry, case)


@pytest.mark.parametrize("name", STREAMED)
async def test_an_asynchronous_case_costs_the_same(server, async_client, start, telemetry, name):
    case = case_of(name)
    start(case)
    server.queue(answer(case))
    await call(async_client(base_url=url(case)), case)
    assert_says(telemetry, case)
    assert_tokens(telemetry, case)


@pytest.mark.parametrize("name", STREAMED)
async def test_an_asynchronous_streamed_case_costs_the_same(server, async_client, start, telemetry, name):
    case = case_of(name)
    start(case)
    server.queue(answer(case, stream=True))
    chunks = [chunk async for chunk in await call(async_client(base_url=url(case)), case, stream=True)]
    assert len(chunks) == 2
    assert_says(telemetry, case)
    assert_tokens(telemetry, case)


@pytest.mark.parametrize("name", ["A10", "D04", "J01", "O01"])
def test_a_raw_response_costs_the_same(server, client, start, telemetry, name):
    case = case_of(name)
    start(case)
    server.queue(answer(case))
    one = client(base_url=url(case))
    into = {"chat": one.chat.completions, "embeddings": one.embeddings, "responses": getattr(one, "responses", None)}
    raw = into[case["endpoint"]].with_raw_response
    given = {
        "chat": {"messages": MESSAGES},
        "embeddings": {"input": "Hello", "encoding_format": "float"},
        "responses": {"input": "Hello"},
    }
    assert raw.create(model=case["model"], **given[case["endpoint"]]).headers["content-type"] == "application/json"
    assert_says(telemetry, case)


def test_the_cases_of_one_process_add_up_in_the_histogram(server, client, instrument, telemetry):
    instrument()
    names = [name for name in PRICED if name != "U02" and CASES[name]["endpoint"] != "responses"]
    for name in names:
        case = case_of(name)
        server.queue(answer(case))
        call(client(base_url=url(case)), case)
    points = telemetry.points(COST)
    expected = sum(Decimal(CASES[name]["expected_usd"]) for name in names)
    assert sum(point.count for _, point in points) == len(names)
    assert abs(sum(money(point.sum) for _, point in points) - expected) < Decimal("1e-12")


def test_a_search_without_a_count_of_billable_ones_is_charged_by_the_calls_in_the_output(
    server, client, instrument, telemetry
):
    case = case_of("J01")
    instrument()
    body = response_body(case)
    del body["tool_usage"]
    server.queue(json_answer(body))
    call(client(base_url=url(case)), case)
    assert_says(telemetry, case)


def test_the_preview_of_the_search_tool_may_be_known_from_the_request_alone(server, client, instrument, telemetry):
    case = case_of("J03")
    instrument()
    server.queue(json_answer({**response_body(case), "tools": []}))
    one = client(base_url=url(case))
    one.responses.create(model=case["model"], input="Hello", tools=[{"type": "web_search_preview"}])
    assert_says(telemetry, case)


@pytest.mark.parametrize("asked", ["flex", "priority", "auto"])
def test_the_tier_of_the_response_is_priced_not_the_one_asked_for(server, client, instrument, telemetry, asked):
    case = case_of("A10")
    instrument()
    server.queue(answer(case))
    one = client(base_url=url(case))
    one.chat.completions.create(model=case["model"], messages=MESSAGES, extra_body={"service_tier": asked})
    assert_says(telemetry, case)


def test_the_model_of_the_response_is_priced_not_the_one_asked_for(server, client, instrument, telemetry):
    case = case_of("A10")
    instrument()
    server.queue(answer(case))
    client(base_url=url(case)).chat.completions.create(model="gpt-5.5", messages=MESSAGES)
    assert_says(telemetry, case)
    assert telemetry.attributes()["openai_cost.pricing.model"] == case["model"]


# --- what has no amount ---


def assert_withheld(telemetry, reason, partial=None):
    """No amount; the reason on the span and in the counter; the priced part, if any, as a lower bound."""
    attributes = assert_ended_once(telemetry).attributes
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == ("unpriced" if partial is None else "partial")
    assert attributes["openai_cost.unpriced.reason"] == reason
    if partial is None:
        assert "openai_cost.partial_amount" not in attributes
    else:
        assert money(attributes["openai_cost.partial_amount"]) == Decimal(partial)
    assert "openai_cost.input" not in attributes
    assert "openai_cost.output" not in attributes
    assert telemetry.points(COST) == []
    labels, point = telemetry.point(UNPRICED)
    assert point.value == 1
    assert labels["openai_cost.unpriced.reason"] == reason


UNKNOWN = [
    ("V02", {}, "missing_rate"),
    ("A10", {"service_tier": "hyperdrive"}, "missing_rate"),
    ("A10", {"service_tier": "scale"}, "missing_rate"),
    ("A10", {"model": "gpt-99-unheard-of"}, "unknown_model"),
    ("A07", {"model": "gpt-99-unheard-of"}, "unknown_model"),
    ("O01", {"model": "text-embedding-99"}, "unknown_model"),
    ("P03", {"model": "ft:gpt-99:acme::abc"}, "unknown_model"),
    ("A10", {"base_url_host": "llm.internal"}, "unknown_provider"),
    ("A10", {"base_url_host": "api.deepseek.com"}, "unknown_provider"),
    ("A10", {"usage": {"input_tokens": 10, "output_tokens": 5, "cached_tokens": 11}}, "inconsistent_usage"),
    ("K01", {"usage": {"input_tokens": 10, "output_tokens": 5, "input_audio_tokens": 11}}, "inconsistent_usage"),
    ("B02", {"usage": {"input_tokens": 10, "output_tokens": 5, "reasoning_tokens": 6}}, "inconsistent_usage"),
    ("A10", {"usage": {"input_tokens": -1, "output_tokens": 5}}, "inconsistent_usage"),
]


@pytest.mark.parametrize(
    ("name", "changes", "reason", "stream"),
    [
        pytest.param(name, changes, reason, stream, id=f"{name}-{reason}-{number}-{'streamed' if stream else 'whole'}")
        for number, (name, changes, reason) in enumerate(UNKNOWN)
        for stream in (False, True)
        if not (stream and CASES[name]["endpoint"] == "embeddings")
    ],
)
def test_what_cannot_be_priced_has_no_amount_and_says_why(
    server, client, instrument, telemetry, name, changes, reason, stream
):
    case = case_of(name, **changes)
    instrument()
    server.queue(answer(case, stream))
    result = call(client(base_url=url(case)), case, stream)
    if stream:
        list(result)
    assert_withheld(telemetry, reason)


def test_cache_writes_of_a_model_that_publishes_no_rate_leave_the_rest_as_a_lower_bound(
    server, client, instrument, telemetry
):
    case = case_of("A10", usage={"input_tokens": 1000, "output_tokens": 100, "cache_write_tokens": 400})
    instrument()
    server.queue(answer(case))
    call(client(base_url=url(case)), case)
    # 600 at 0.15 and 100 at 0.6 per million
    assert_withheld(telemetry, "missing_rate", "0.00015")


def test_a_container_whose_minutes_no_response_carries_is_a_lower_bound(server, client, instrument, telemetry):
    case = case_of("J07")
    instrument()
    server.queue(answer(case))
    call(client(base_url=url(case)), case)
    # the tokens' 0.00225, and at least five minutes at 0.03 per 20
    assert_withheld(telemetry, "missing_rate", "0.00975")


def test_a_reply_without_usage_is_not_free(server, client, instrument, telemetry):
    case = case_of("A10")
    instrument()
    body = chat_body(case)
    del body["usage"]
    server.queue(json_answer(body))
    call(client(base_url=url(case)), case)
    assert_withheld(telemetry, "no_usage")


def test_no_tokens_at_all_cost_nothing_and_are_priced(server, client, instrument, telemetry):
    case = case_of("A10", usage={"input_tokens": 0, "output_tokens": 0}, expected_usd="0")
    instrument()
    server.queue(answer(case))
    call(client(base_url=url(case)), case)
    assert_says(telemetry, case)


def test_the_cases_of_every_endpoint_go_over_the_wire():
    assert len(PRICED) == 45
    assert {CASES[name]["endpoint"] for name in PRICED} == ENDPOINTS == BODIES.keys()
