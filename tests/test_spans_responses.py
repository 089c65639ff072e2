# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Responses: what a span says of request, response, usage, hosted tools and cost."""

from decimal import Decimal

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from support.clients import OPENAI_VERSION
from support.expect import (
    AT_OPENAI,
    COST,
    TOKENS,
    UNPRICED,
    assert_breakdown_adds_up,
    assert_no_cost,
    assert_same,
    conventional,
    money,
    response,
)
from support.payloads import events, payload
from support.server import json_answer, sse_answer

pytestmark = pytest.mark.skipif(OPENAI_VERSION < (1, 66), reason="the client has no Responses API")

STREAMED = Decimal("0.0213664")
"""592 tokens at 4, 4096 cached at 0.4, 512 written at 5, and 740 at 20: usage of the streamed payloads."""


def respond(client, **options):
    return client.responses.create(**{"model": "gpt-5.5", "input": "Hello", **options})


def test_a_call_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(response(id="resp_7")))
    respond(client())
    span = telemetry.span()
    assert (span.name, span.kind) == ("chat gpt-5.5", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert not span.events
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "chat",
            "openai.api.type": "responses",
            "gen_ai.request.model": "gpt-5.5",
            "gen_ai.response.id": "resp_7",
            "gen_ai.response.model": "gpt-5.5",
            "gen_ai.response.finish_reasons": ("stop",),
            "openai.response.service_tier": "default",
            "gen_ai.usage.input_tokens": 1000,
            "gen_ai.usage.output_tokens": 1000,
            "gen_ai.usage.cache_read.input_tokens": 0,
            "gen_ai.usage.cache_write.input_tokens": 0,
            "gen_ai.usage.reasoning.output_tokens": 0,
            "gen_ai.usage.cost.amount": 0.035,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


def test_parameters_of_the_request_are_recorded_with_their_types(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(response()))
    respond(
        client(),
        temperature=1,
        top_p=0.5,
        max_output_tokens=77,
        previous_response_id="resp_6",
        reasoning={"effort": "low"},
        extra_body={
            "conversation": {"id": "conv_1"},
            "prompt": {"id": "pmpt_1", "version": "3"},
            "service_tier": "priority",
            "text": {"format": {"type": "json_schema", "name": "x", "schema": {}}},
        },
    )
    attributes = telemetry.attributes()
    expected = {
        "gen_ai.request.temperature": 1.0,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.max_tokens": 77,
        "gen_ai.request.previous_response.id": "resp_6",
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.conversation.id": "conv_1",
        "gen_ai.prompt.name": "pmpt_1",
        "gen_ai.prompt.version": "3",
        "gen_ai.output.type": "json",
        "openai.request.service_tier": "priority",
    }
    assert_same({key: attributes.get(key) for key in expected}, expected)


def test_a_conversation_may_be_given_by_its_id_alone(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(response()))
    respond(client(), extra_body={"conversation": "conv_2"})
    assert telemetry.attributes()["gen_ai.conversation.id"] == "conv_2"


def test_no_conversation_is_made_up(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(response()))
    respond(client())
    assert "gen_ai.conversation.id" not in telemetry.attributes()


def test_without_a_model_the_span_is_named_after_the_operation_and_priced_by_the_answer(
    server, client, instrument, telemetry
):
    instrument()
    server.queue(json_answer(response()))
    client().post("/responses", cast_to=object, body={"prompt": {"id": "pmpt_1"}, "input": "Hello"})
    attributes = telemetry.attributes()
    assert telemetry.span().name == "chat"
    assert "gen_ai.request.model" not in attributes
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.035")


def test_cached_written_and_reasoning_tokens_have_their_own_price(server, client, instrument, telemetry):
    instrument()
    usage = {
        "input_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 6000},
        "output_tokens_details": {"reasoning_tokens": 40},
    }
    server.queue(json_answer(response("gpt-6.1-sol", (10_000, 100), usage=usage)))
    respond(client(), model="gpt-6.1-sol")
    attributes = telemetry.attributes()
    # 2000 at 2, 2000 cached at 0.1, 6000 written at 2.5, and 100 at 10
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.0202")
    assert money(attributes["openai_cost.cache_read"]) == Decimal("0.0002")
    assert money(attributes["openai_cost.cache_write"]) == Decimal("0.015")
    assert money(attributes["openai_cost.reasoning"]) == Decimal("0.0004")
    assert_breakdown_adds_up(attributes)
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 2000
    assert attributes["gen_ai.usage.cache_write.input_tokens"] == 6000
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 40


def test_cache_writes_for_twelve_hours_cost_twice_as_much(server, client, instrument, telemetry):
    instrument()
    usage = {
        "input_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 10_000,
            "cache_write_tokens_details": {"ttl_30m_tokens": 4000, "ttl_12h_tokens": 6000},
        }
    }
    server.queue(json_answer(response("gpt-6-astra", (20_000, 1000), usage=usage)))
    respond(client(), model="gpt-6-astra")
    attributes = telemetry.attributes()
    # 10000 at 10, 4000 at 12.5, 6000 at 25, and 1000 at 50
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.35")
    assert attributes["openai_cost.usage.cache_write.ttl_30m_tokens"] == 4000
    assert attributes["openai_cost.usage.cache_write.ttl_12h_tokens"] == 6000


def test_an_old_response_without_newer_fields_is_read(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("response_old_2025.json")))
    respond(client(), model="gpt-4o")
    attributes = telemetry.attributes()
    usage = payload("response_old_2025.json")["usage"]
    assert attributes["gen_ai.usage.input_tokens"] == usage["input_tokens"]
    assert attributes["gen_ai.usage.output_tokens"] == usage["output_tokens"]
    assert attributes["openai_cost.status"] == "priced"


def test_a_response_cut_short_is_billed_all_the_same(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("response_incomplete.json")))
    respond(client(), model="gpt-5.6-sol")
    attributes = telemetry.attributes()
    # 36 at 4 and 16 at 20
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.000464")
    assert attributes["gen_ai.response.finish_reasons"] == ("length",)
    assert telemetry.span().status.status_code is StatusCode.UNSET


def test_a_failed_response_without_usage_is_unpriced(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("response_failed.json")))
    respond(client(), model="gpt-5.6-sol")
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "unpriced"
    assert telemetry.point(UNPRICED)[1].value == 1


def test_a_function_call_is_the_reason_why_the_answer_ended(server, client, instrument, telemetry):
    instrument()
    call = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"}
    server.queue(json_answer(response(output=[{**call, "status": "completed"}])))
    respond(client())
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("tool_calls",)


def _search(action):
    item = {"id": "ws", "type": "web_search_call", "status": "completed"}
    return item if action is None else {**item, "action": action}


def test_searches_are_billed_as_often_as_the_response_counts_them(server, client, instrument, telemetry):
    instrument()
    body = response(
        "gpt-5",
        (1000, 100),
        tools=[{"type": "web_search"}],
        output=[_search({"type": "search", "query": "x"})],
        tool_usage={"web_search": {"num_requests": 3}},
    )
    server.queue(json_answer(body))
    respond(client(), model="gpt-5", tools=[{"type": "web_search"}])
    attributes = telemetry.attributes()
    # 0.00225 for the tokens, and 3 searches at 10 per thousand
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.03225")
    assert money(attributes["openai_cost.tool"]) == Decimal("0.03")
    assert_breakdown_adds_up(attributes)


def test_without_a_count_searches_are_billed_and_opened_pages_are_not(server, client, instrument, telemetry):
    instrument()
    actions = [{"type": "search", "query": "x"}, {"type": "open_page", "url": "u"}, None]
    body = response("gpt-5", (1000, 100), tools=[{"type": "web_search"}], output=[_search(a) for a in actions])
    server.queue(json_answer(body))
    respond(client(), model="gpt-5", tools=[{"type": "web_search"}])
    assert money(telemetry.attributes()["openai_cost.tool"]) == Decimal("0.02")


def test_the_preview_of_web_search_has_its_own_price(server, client, instrument, telemetry):
    instrument()
    tools = [{"type": "web_search_preview"}]
    body = response("gpt-4.1", (1000, 100), tools=tools, output=[_search({"type": "search", "query": "x"})])
    server.queue(json_answer(body))
    respond(client(), model="gpt-4.1", tools=tools)
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.0278")


def test_a_tool_that_was_offered_and_not_used_is_free(server, client, instrument, telemetry):
    instrument()
    tools = [{"type": "web_search"}, {"type": "file_search", "vector_store_ids": ["vs"]}]
    server.queue(json_answer(response(tools=tools)))
    respond(client(), tools=tools)
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.035")


def test_file_searches_are_billed_each(server, client, instrument, telemetry):
    instrument()
    search = {"type": "file_search_call", "status": "completed", "queries": ["x"], "results": None}
    tools = [{"type": "file_search", "vector_store_ids": ["vs"]}]
    output = [{**search, "id": "a"}, {**search, "id": "b"}]
    server.queue(json_answer(response("gpt-5", (1000, 100), tools=tools, output=output)))
    respond(client(), model="gpt-5", tools=tools)
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.00725")


def test_images_made_by_the_hosted_tool_are_priced_as_the_image_model(server, client, instrument, telemetry):
    instrument()
    tools = [{"type": "image_generation", "model": "gpt-image-2"}]
    image = {"id": "ig", "type": "image_generation_call", "status": "completed", "result": "aGVsbG8="}
    used = {
        "input_tokens": 60,
        "input_tokens_details": {"text_tokens": 60, "image_tokens": 0},
        "output_tokens": 1056,
        "output_tokens_details": {"text_tokens": 0, "image_tokens": 1056},
        "total_tokens": 1116,
    }
    body = response("gpt-5", (1000, 100), tools=tools, output=[image], tool_usage={"image_gen": used})
    server.queue(json_answer(body))
    respond(client(), model="gpt-5", tools=tools)
    attributes = telemetry.attributes()
    # 60 at 5 and 1056 at 30 for the image, beside 0.00225 for the conversation
    assert money(attributes["openai_cost.tool"]) == Decimal("0.03198")
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.03423")
    assert attributes["gen_ai.usage.input_tokens"] == 1000
    assert_breakdown_adds_up(attributes)


def test_minutes_of_a_container_are_unknown_so_there_is_a_lower_bound_and_no_amount(
    server, client, instrument, telemetry
):
    instrument()
    body = payload("response_tools.json")
    server.queue(json_answer(body))
    respond(client(), model="gpt-5.6-sol", tools=body["tools"])
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    # tokens 0.0213664, two searches 0.02, a file search 0.0025, an image 0.03198
    assert money(attributes["openai_cost.partial_amount"]) >= Decimal("0.0758464")
    assert telemetry.points(COST) == []
    assert telemetry.point(UNPRICED)[1].value == 1


def test_a_response_in_the_background_is_unpriced_until_it_is_there(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("response_background_queued.json")))
    respond(client(), model="gpt-5.6-sol", extra_body={"background": True})
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "unpriced"
    assert attributes["openai_cost.unpriced.reason"] == "background"
    assert not [key for key in attributes if key.startswith("gen_ai.usage.")]
    assert telemetry.points(TOKENS) == []


@pytest.mark.skipif(OPENAI_VERSION < (1, 81), reason="the client cannot cancel responses")
def test_reading_a_response_back_does_not_bill_it_again(server, client, instrument, telemetry):
    instrument()
    body = response(id="resp_7")
    server.queue(json_answer(body), json_answer(body), json_answer(body))
    one = client()
    respond(one)
    for _ in range(2):
        one.responses.retrieve("resp_7")
    assert telemetry.point(COST)[1].count == 1
    assert telemetry.point(TOKENS, **{"gen_ai.token.type": "input"})[1].count == 1
    billed = [span for span in telemetry.spans() if "gen_ai.usage.cost.amount" in span.attributes]
    assert len(billed) == 1


@pytest.mark.skipif(OPENAI_VERSION < (2, 9), reason="the client cannot compact")
def test_a_compaction_is_priced_by_the_model_asked_for(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("response_compact.json")))
    client().responses.compact(model="gpt-5.5", previous_response_id="resp_6")
    attributes = telemetry.attributes()
    assert telemetry.span().name == "chat gpt-5.5"
    # 9000 at 5 and 500 at 30
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.06")
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 64
    assert attributes["gen_ai.conversation.compacted"] is True


def test_counting_tokens_beforehand_is_no_billed_operation(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("response_input_tokens.json")))
    client().post("/responses/input_tokens", cast_to=object, body={"model": "gpt-5.5", "input": "x"})
    assert telemetry.points(COST) == []
    assert telemetry.points(TOKENS) == []


def test_a_parsed_response_is_one_span_and_stays_parsed(server, client, instrument, telemetry):
    from pydantic import BaseModel

    class Answer(BaseModel):
        city: str

    text = {"type": "output_text", "text": '{"city": "Paris"}', "annotations": []}
    message = {"id": "m", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    instrument()
    server.queue(json_answer(response(output=[message])))
    parsed = client().responses.parse(model="gpt-5.5", input="Where?", text_format=Answer)
    assert parsed.output_parsed == Answer(city="Paris")
    assert telemetry.attributes()["gen_ai.output.type"] == "json"
    assert telemetry.attributes()["gen_ai.usage.cost.amount"] == 0.035


def test_a_streamed_response_has_usage_and_cost_and_when_it_began(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("response_stream.sse")))
    seen = [event.type for event in respond(client(), model="gpt-5.6-sol", stream=True)]
    assert (seen[0], seen[-1]) == ("response.created", "response.completed")
    span = telemetry.span()
    attributes = dict(span.attributes)
    first_chunk = attributes.pop("gen_ai.response.time_to_first_chunk")
    assert type(first_chunk) is float
    assert 0 < first_chunk < (span.end_time - span.start_time) / 1e9
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.response.id"] == "resp_1"
    assert attributes["gen_ai.usage.input_tokens"] == 5200
    assert attributes["gen_ai.usage.output_tokens"] == 740
    assert money(attributes["gen_ai.usage.cost.amount"]) == STREAMED


@pytest.mark.parametrize(
    ("name", "reasons"), [("response_stream_incomplete.sse", ("length",)), ("response_stream.sse", ("stop",))]
)
def test_the_last_event_says_why_the_stream_ended(server, client, instrument, telemetry, name, reasons):
    instrument()
    server.queue(sse_answer(events(name)))
    list(respond(client(), model="gpt-5.6-sol", stream=True))
    attributes = telemetry.attributes()
    assert attributes["gen_ai.response.finish_reasons"] == reasons
    assert attributes["openai_cost.status"] == "priced"


def test_a_response_in_the_background_that_is_streamed_to_its_end_is_priced(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("response_stream_background_queued.sse")))
    list(respond(client(), model="gpt-5.6-sol", stream=True, extra_body={"background": True}))
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == STREAMED


def test_the_stream_helper_is_one_span(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("response_stream.sse")))
    with client().responses.stream(model="gpt-5.6-sol", input="Hello") as stream:
        final = stream.get_final_response()
    assert final.usage.total_tokens == 5940
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == STREAMED


async def test_the_asynchronous_client_makes_the_same_span(server, client, async_client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/responses", json_answer(response()))
    respond(client())
    await respond(async_client())
    synchronous, asynchronous = telemetry.spans()
    assert asynchronous.attributes == synchronous.attributes
