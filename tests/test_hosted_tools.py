# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Hosted tools of the Responses API: fees and other models beside the tokens, added up by hand for every case."""

from decimal import Decimal

import pytest

from support.clients import OPENAI_VERSION
from support.expect import COST, TOKENS, UNPRICED, assert_breakdown_adds_up, assert_no_cost, money, response
from support.payloads import event, events, payload
from support.server import json_answer, sse_answer
from support.ways import WAYS, call

pytestmark = pytest.mark.skipif(OPENAI_VERSION < (1, 99), reason="the client's Responses API lacks some of this")

SHAPES = ["whole", "streamed"]
WEB, FILES = {"type": "web_search"}, {"type": "file_search", "vector_store_ids": ["vs_1"]}
TOKENS_ALONE = Decimal("0.035")
"""1000 tokens in at 5 and 1000 out at 30 per million, of gpt-5.5."""


@pytest.fixture(params=SHAPES)
def respond(request, server, client, instrument):
    """``respond(body, …)`` lets the server answer so, whole or as the last event of a stream, and makes the call."""
    instrument()

    def make(body, base_url="https://api.openai.com/v1", **options):
        options = {"model": body["model"], "input": "Hello", **options}
        responses = client(base_url).responses
        if request.param == "whole":
            server.queue(json_answer(body))
            responses.create(**options)
            return
        begun = {**body, "status": "in_progress", "output": [], "usage": None, "tool_usage": None}
        steps = [
            event({"type": "response.created", "sequence_number": 0, "response": begun}, "response.created"),
            *events("response_stream.sse")[1:-1],
            event({"type": "response.completed", "sequence_number": 99, "response": body}, "response.completed"),
        ]
        server.queue(sse_answer(steps))
        for _ in responses.create(**options, stream=True):
            pass

    return make


def assert_costs(telemetry, fees, tokens=TOKENS_ALONE):
    """The tokens and so much for the tools: on the span, in its parts, and once in the histogram."""
    attributes = telemetry.attributes()
    assert attributes["openai_cost.status"] == "priced"
    amount = tokens + Decimal(fees)
    assert money(attributes["gen_ai.usage.cost.amount"]) == amount
    assert money(attributes.get("openai_cost.tool", 0.0)) == Decimal(fees)
    assert_breakdown_adds_up(attributes)
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, amount)
    assert telemetry.points(UNPRICED) == []
    counted = {labels["gen_ai.token.type"]: point.sum for labels, point in telemetry.points(TOKENS)}
    assert counted == {"input": 1000, "output": 1000}


def assert_at_least(telemetry, amount, reason="missing_rate"):
    """A lower bound of so much, in no sum, and one increment of the counter."""
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == reason
    assert money(attributes["openai_cost.partial_amount"]) == Decimal(amount)
    assert telemetry.points(COST) == []
    assert telemetry.point(UNPRICED)[1].value == 1


# --- web search ---


def searching(*actions):
    return [
        {"id": f"ws_{number}", "type": "web_search_call", "status": "completed", "action": action}
        for number, action in enumerate(actions)
    ]


SEARCH = {"type": "search", "query": "x", "queries": ["x"]}
OPEN_PAGE = {"type": "open_page", "url": "https://example.com"}
FIND = {"type": "find_in_page", "url": "https://example.com", "pattern": "x"}


@pytest.mark.parametrize(("billable", "fees"), [(0, "0"), (1, "0.01"), (7, "0.07")])
def test_searches_that_the_api_counts_are_billed_whatever_the_output_shows(respond, telemetry, billable, fees):
    usage = {"web_search": {"num_requests": billable}}
    respond(response(tools=[WEB], output=searching(SEARCH, SEARCH, OPEN_PAGE), tool_usage=usage), tools=[WEB])
    assert_costs(telemetry, fees)


@pytest.mark.parametrize(
    ("actions", "fees"),
    [([SEARCH], "0.01"), ([SEARCH, OPEN_PAGE, FIND, SEARCH], "0.02"), ([OPEN_PAGE, FIND], "0")],
)
def test_without_a_count_each_search_is_billed_and_pages_that_are_read_are_not(respond, telemetry, actions, fees):
    respond(response(tools=[WEB], output=searching(*actions)), tools=[WEB])
    assert_costs(telemetry, fees)


@pytest.mark.parametrize("name", ["web_search", "web_search_2025_08_26"])
@pytest.mark.parametrize(("model", "tokens"), [("gpt-5.5", "0.035"), ("gpt-4.1", "0.01")])
def test_the_tool_costs_the_same_with_every_model(respond, telemetry, name, model, tokens):
    tool = {"type": name}
    respond(response(model, tools=[tool], output=searching(SEARCH)), tools=[tool])
    assert_costs(telemetry, "0.01", Decimal(tokens))


@pytest.mark.parametrize("name", ["web_search_preview", "web_search_preview_2025_03_11"])
@pytest.mark.parametrize(
    ("model", "tokens", "fee"),
    [
        ("gpt-5.5", "0.035", "0.01"),
        ("o4-mini", "0.0055", "0.01"),
        ("gpt-4.1", "0.01", "0.025"),
        ("gpt-4o", "0.0125", "0.025"),
    ],
)
def test_the_preview_tool_costs_less_with_models_that_reason(respond, telemetry, name, model, tokens, fee):
    tool = {"type": name}
    respond(response(model, tools=[tool], output=searching(SEARCH, SEARCH)), tools=[tool])
    assert_costs(telemetry, 2 * Decimal(fee), Decimal(tokens))


def test_the_request_says_which_tool_it_was_where_the_response_does_not(respond, telemetry):
    respond(response("gpt-4.1", tools=[], output=searching(SEARCH)), tools=[{"type": "web_search_preview"}])
    assert_costs(telemetry, "0.025", Decimal("0.01"))


def test_a_fee_is_neither_halved_by_a_tier_nor_raised_by_a_region(respond, telemetry):
    body = response(tools=[WEB], output=searching(SEARCH), service_tier="flex")
    respond(body, base_url="https://eu.api.openai.com/v1", tools=[WEB])
    # half of 0.035 for flex, a tenth more in the region
    assert_costs(telemetry, "0.01", Decimal("0.01925"))


# --- file search ---


@pytest.mark.parametrize(("count", "fees"), [(1, "0.0025"), (3, "0.0075")])
def test_every_file_search_is_billed(respond, telemetry, count, fees):
    searches = [
        {"id": f"fs_{number}", "type": "file_search_call", "status": "completed", "queries": ["a", "b"]}
        for number in range(count)
    ]
    respond(response(tools=[FILES], output=searches), tools=[FILES])
    assert_costs(telemetry, fees)


def test_two_tools_in_one_response_have_two_fees(respond, telemetry):
    output = [*searching(SEARCH), {"id": "fs", "type": "file_search_call", "status": "completed", "queries": ["a"]}]
    respond(response(tools=[WEB, FILES], output=output), tools=[WEB, FILES])
    assert_costs(telemetry, "0.0125")


# --- containers ---


def calculating(*containers):
    return [
        {"id": f"ci_{number}", "type": "code_interpreter_call", "status": "completed", "container_id": container}
        | {"code": "1", "outputs": []}
        for number, container in enumerate(containers)
    ]


def interpreter(memory=None):
    container = {"type": "auto"} if memory is None else {"type": "auto", "memory_limit": memory}
    return {"type": "code_interpreter", "container": container}


@pytest.mark.parametrize(
    ("memory", "least"),
    # five minutes at 0.03, 0.12, 0.48 and 1.92 for twenty
    [(None, "0.0425"), ("1g", "0.0425"), ("4g", "0.065"), ("16g", "0.155"), ("64g", "0.515")],
)
def test_five_minutes_of_the_memory_that_the_response_repeats_are_the_least(respond, telemetry, memory, least):
    tools = [interpreter(memory)]
    respond(response(tools=tools, output=calculating("cntr_1")), tools=tools)
    assert_at_least(telemetry, least)


def test_the_request_says_how_much_memory_it_was_where_the_response_does_not(respond, telemetry):
    body = response(tools=[{"type": "code_interpreter", "container": {"type": "auto"}}], output=calculating("cntr_1"))
    respond(body, tools=[interpreter("4g")])
    assert_at_least(telemetry, "0.065")


def test_a_container_that_was_made_beforehand_is_taken_for_the_smallest(respond, telemetry):
    tools = [{"type": "code_interpreter", "container": "cntr_1"}]
    respond(response(tools=tools, output=calculating("cntr_1")), tools=tools)
    assert_at_least(telemetry, "0.0425")


def test_containers_are_counted_and_not_the_calls_in_them(respond, telemetry):
    tools = [interpreter("4g")]
    respond(response(tools=tools, output=calculating("cntr_1", "cntr_2", "cntr_1", "cntr_1")), tools=tools)
    # two of 0.03
    assert_at_least(telemetry, "0.095")


def test_a_container_in_which_several_responses_work_has_its_least_in_the_first_alone(respond, telemetry):
    tools = [interpreter("4g")]
    for containers in (["cntr_1"], ["cntr_1"], ["cntr_1", "cntr_2"]):
        respond(response(tools=tools, output=calculating(*containers)), tools=tools)
    spans = [dict(span.attributes) for span in telemetry.spans()]
    assert [money(span["openai_cost.partial_amount"]) for span in spans] == [
        TOKENS_ALONE + Decimal(least) for least in ("0.03", "0", "0.03")
    ]
    # How much longer it worked is not known: a lower bound, as before.
    assert {span["openai_cost.status"] for span in spans} == {"partial"}
    assert telemetry.points(COST) == []
    assert telemetry.point(UNPRICED)[1].value == 3


def test_containers_without_an_id_are_each_a_new_one(respond, telemetry):
    tools = [interpreter("4g")]
    for _ in range(2):
        respond(response(tools=tools, output=calculating(None)), tools=tools)
    amounts = [money(span.attributes["openai_cost.partial_amount"]) for span in telemetry.spans()]
    assert amounts == [Decimal("0.065")] * 2


def test_two_tools_with_containers_of_two_sizes_are_each_billed_at_their_own(respond, telemetry):
    shell = {"type": "shell", "environment": {"type": "container_auto", "memory_limit": "1g"}}
    ran = {
        "id": "sh_1",
        "type": "shell_call",
        "call_id": "call_1",
        "status": "completed",
        "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
        "environment": {"type": "container_reference", "container_id": "cntr_2"},
    }
    tools = [interpreter("64g"), shell]
    respond(response(tools=tools, output=[*calculating("cntr_1"), ran]), tools=tools)
    # 0.48 for the one, 0.0075 for the other
    assert_at_least(telemetry, "0.5225")


@pytest.mark.parametrize(
    ("created", "memory", "least"),
    [
        pytest.param(1_780_358_400, "1g", "0.0425", id="2 June 2026: five minutes"),
        pytest.param(1_780_358_399, "1g", "0.065", id="1 June 2026: twenty minutes"),
        pytest.param(1_780_358_399, "64g", "1.955", id="1 June 2026, 64 GB"),
        pytest.param(1_774_915_200, "4g", "0.155", id="31 March 2026"),
        pytest.param(1_774_915_199, "1g", "0.065", id="30 March 2026: the price of a session"),
        pytest.param(1_774_915_199, "4g", "0.035", id="30 March 2026, 4 GB: not known"),
    ],
)
def test_before_containers_were_billed_by_the_minute_twenty_were_the_least(respond, telemetry, created, memory, least):
    tools = [interpreter(memory)]
    respond(response(tools=tools, output=calculating("cntr_1"), created_at=created), tools=tools)
    assert_at_least(telemetry, least)


@pytest.mark.parametrize(
    ("environment", "least"),
    [
        ({"type": "container_auto", "memory_limit": "4g"}, "0.03"),
        ({"type": "container_reference", "container_id": "cntr_1"}, "0.0075"),
    ],
)
def test_a_shell_that_does_not_say_where_it_ran_ran_where_it_was_offered(respond, telemetry, environment, least):
    tools = [{"type": "shell", "environment": environment}]
    ran = {"id": "sh_1", "type": "shell_call", "call_id": "call_1", "status": "completed", "environment": None}
    respond(response(tools=tools, output=[ran]), tools=tools)
    assert_at_least(telemetry, str(TOKENS_ALONE + Decimal(least)))


def test_an_interpreter_that_was_offered_and_not_used_is_free(respond, telemetry):
    tools = [interpreter("64g")]
    respond(response(tools=tools), tools=tools)
    assert_costs(telemetry, "0")


def test_a_shell_on_the_callers_own_machine_is_free(respond, telemetry):
    ran = {
        "id": "sh_1",
        "type": "shell_call",
        "call_id": "call_1",
        "status": "completed",
        "action": {"commands": ["ls"], "timeout_ms": None, "max_output_length": None},
        "environment": {"type": "local"},
    }
    tools = [{"type": "shell", "environment": {"type": "local"}}]
    respond(response(tools=tools, output=[ran]), tools=tools)
    assert_costs(telemetry, "0")


# --- images ---


def drawing(*pictures):
    return [
        {"id": f"ig_{number}", "type": "image_generation_call", "status": "completed", "result": "aGk=", **picture}
        for number, picture in enumerate(pictures)
    ]


def drawn(text_in, image_in, out, **more):
    return {
        "web_search": {"num_requests": 0},
        "image_gen": {
            "input_tokens": text_in + image_in,
            "input_tokens_details": {"text_tokens": text_in, "image_tokens": image_in},
            "output_tokens": out,
            "total_tokens": text_in + image_in + out,
            **more,
        },
    }


PAINTER = {"type": "image_generation", "model": "gpt-image-2"}


def test_pictures_are_priced_as_their_own_model_prices_them(respond, telemetry):
    usage = drawn(60, 300, 1056, output_tokens_details={"text_tokens": 0, "image_tokens": 1056})
    respond(response(tools=[PAINTER], output=drawing({}, {}), tool_usage=usage), tools=[PAINTER])
    # 60 x 5 + 300 x 8 + 1056 x 30 = 34380 millionths
    assert_costs(telemetry, "0.03438")


def test_cached_input_of_a_picture_costs_less(respond, telemetry):
    cached = {"cached_tokens": 250, "cached_tokens_details": {"cached_text_tokens": 50, "cached_image_tokens": 200}}
    respond(response(tools=[PAINTER], output=drawing({}), tool_usage=drawn(60, 300, 1056, **cached)), tools=[PAINTER])
    # 10 x 5 + 50 x 1.25 + 100 x 8 + 200 x 2 + 1056 x 30 = 32992.5 millionths
    assert_costs(telemetry, "0.0329925")


def test_a_tier_of_the_conversation_is_none_of_the_picture(respond, telemetry):
    body = response(tools=[PAINTER], output=drawing({}), tool_usage=drawn(60, 0, 1056), service_tier="priority")
    respond(body, tools=[PAINTER])
    # 1000 x 12.5 + 1000 x 75 for the conversation; 60 x 5 + 1056 x 30 for the picture
    assert_costs(telemetry, "0.03198", Decimal("0.0875"))


def test_the_request_names_the_painter_where_the_response_does_not(respond, telemetry):
    body = response(tools=[{"type": "image_generation"}], output=drawing({}), tool_usage=drawn(60, 0, 1056))
    respond(body, tools=[PAINTER])
    assert_costs(telemetry, "0.03198")


def test_a_painter_that_nobody_names_leaves_a_lower_bound(respond, telemetry):
    tools = [{"type": "image_generation"}]
    respond(response(tools=tools, output=drawing({}), tool_usage=drawn(60, 0, 1056)), tools=tools)
    assert_at_least(telemetry, "0.035")


@pytest.mark.parametrize("usage", [None, drawn(0, 0, 0)])
def test_a_picture_whose_usage_is_not_reported_leaves_a_lower_bound(respond, telemetry, usage):
    respond(response(tools=[PAINTER], output=drawing({}), tool_usage=usage), tools=[PAINTER])
    assert_at_least(telemetry, "0.035")


def test_a_painter_that_was_offered_and_not_used_is_free(respond, telemetry):
    respond(response(tools=[PAINTER], tool_usage=drawn(0, 0, 0)), tools=[PAINTER])
    assert_costs(telemetry, "0")


def test_the_author_of_a_vector_graphic_is_billed_beside_the_painter(respond, telemetry):
    author = {
        "model": "gpt-5-mini",
        "input_tokens": 400,
        "output_tokens": 900,
        "reasoning_tokens": 300,
        "cached_input_tokens": 0,
        "total_tokens": 1300,
    }
    picture = {"output_format": "svg", "svg_usage": author}
    body = response(tools=[PAINTER], output=drawing(picture, picture), tool_usage=drawn(60, 0, 1056))
    respond(body, tools=[PAINTER])
    # 31980 for the picture; 400 x 0.25 + 900 x 2 = 1900 for each of two graphics
    assert_costs(telemetry, "0.03578")


@pytest.mark.parametrize("way", WAYS)
def test_fees_are_found_in_a_response_of_any_size(server, client, instrument, telemetry, way):
    instrument()
    output = [*searching(SEARCH), *drawing({"result": "aGVs" * 500_000})]
    usage = {**drawn(60, 0, 1056), "web_search": {"num_requests": 1}}
    server.queue(json_answer(response(tools=[WEB, PAINTER], output=output, tool_usage=usage)))
    call(client().responses, way, model="gpt-5.5", input="Hello", tools=[WEB, PAINTER])
    # 0.03198 for the picture, and one search
    assert_costs(telemetry, "0.04198")


def test_of_a_response_too_large_to_keep_there_is_no_price_rather_than_one_without_fees(
    server, client, instrument, telemetry
):
    instrument()
    body = response(tools=[PAINTER], output=drawing({"result": "aGVs" * 2_200_000}), tool_usage=drawn(60, 0, 1056))
    server.queue(json_answer(body))
    call(client().responses, "on the wire", model="gpt-5.5", input="Hello", tools=[PAINTER])
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.unpriced.reason"] == "no_usage"


# --- tools without a fee ---


def test_using_a_computer_costs_its_tokens(respond, telemetry):
    clicked = {
        "id": "cu_1",
        "type": "computer_call",
        "call_id": "call_1",
        "status": "completed",
        "action": {"type": "click", "button": "left", "x": 1, "y": 2},
        "pending_safety_checks": [],
    }
    tool = {"type": "computer_use_preview", "display_width": 1, "display_height": 1, "environment": "browser"}
    # 1 May 2026, when the model could still be called
    body = response("computer-use-preview", tools=[tool], output=[clicked], created_at=1_777_593_600)
    respond(body, tools=[tool])
    # 1000 x 3 + 1000 x 12
    assert_costs(telemetry, "0", Decimal("0.015"))


def test_a_server_of_tools_costs_its_tokens(respond, telemetry):
    tool = {"type": "mcp", "server_label": "crm", "server_url": "https://example.com"}
    output = [
        {"id": "mcpl_1", "type": "mcp_list_tools", "server_label": "crm", "tools": []},
        {"id": "mcp_1", "type": "mcp_call", "name": "look", "arguments": "{}", "server_label": "crm", "output": "ok"},
    ]
    respond(response(tools=[tool], output=output), tools=[tool])
    assert_costs(telemetry, "0")


def test_functions_of_the_caller_cost_their_tokens(respond, telemetry):
    tool = {"type": "function", "name": "web_search", "parameters": {}, "strict": True}
    called = {"id": "fc_1", "type": "function_call", "call_id": "c", "name": "web_search", "arguments": "{}"}
    respond(response(tools=[tool], output=[{**called, "status": "completed"}]), tools=[tool])
    assert_costs(telemetry, "0")


# --- all at once ---


def test_a_response_with_every_tool_has_the_lower_bound_that_they_add_up_to(respond, telemetry):
    body = payload("response_tools.json")
    respond(body, tools=body["tools"])
    # 592 x 4 + 4096 x 0.4 + 512 x 5 + 740 x 20 = 21366.4 millionths for the tokens,
    # 20000 for two searches, 2500 for one in files, 31980 for the picture, 7500 for five minutes of 1 GB
    assert_at_least(telemetry, "0.0833464")


def test_a_hosted_tool_that_nobody_knows_makes_the_call_partial(server, client, instrument, telemetry):
    instrument()
    body = payload("response_simple.json")
    server.queue(json_answer({**body, "output": [*body["output"], {"id": "h_1", "type": "hologram_call"}]}))
    client().responses.create(model="gpt-5.6-sol", input="x")
    attributes = telemetry.attributes()
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "missing_rate"
    assert "gen_ai.usage.cost.amount" not in attributes
