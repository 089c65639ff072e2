# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What else chat completions can be: every count is read once, and the amounts are worked out by hand."""

import json
from decimal import Decimal

import pydantic
import pytest

from support.clients import OPENAI_VERSION
from support.expect import (
    COST,
    MESSAGES,
    TOKENS,
    UNPRICED,
    ask,
    assert_breakdown_adds_up,
    chat,
    money,
)
from support.payloads import DONE, event, payload
from support.server import json_answer, sse_answer
from support.ways import WAYS, call

needs_parse = pytest.mark.skipif(OPENAI_VERSION < (1, 92), reason="chat.completions has no parse")

SHAPES = ["whole", "streamed"]


def used(into, out, prompt=None, completion=None):
    """A usage object with these details."""
    return {
        "prompt_tokens": into,
        "completion_tokens": out,
        "total_tokens": into + out,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, **(prompt or {})},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
            **(completion or {}),
        },
    }


def choice(index=0, reason="stop", **message):
    return {
        "index": index,
        "message": {"role": "assistant", "content": None, "refusal": None, **message},
        "logprobs": None,
        "finish_reason": reason,
    }


def chunks(body):
    """The same completion as a stream: what is said in pieces, each choice's end, then the usage."""
    head = {name: body[name] for name in ("id", "created", "model", "service_tier") if name in body}
    head |= {"object": "chat.completion.chunk"}
    for one in body["choices"]:
        delta = {**one["message"]}
        if "tool_calls" in delta:
            delta["tool_calls"] = [{"index": number, **of} for number, of in enumerate(delta["tool_calls"])]
        opened = {"index": one["index"], "delta": delta, "logprobs": one["logprobs"], "finish_reason": None}
        yield event({**head, "choices": [opened], "usage": None})
        closed = {"index": one["index"], "delta": {}, "finish_reason": one["finish_reason"]}
        yield event({**head, "choices": [closed], "usage": None})
    yield event({**head, "choices": [], "usage": body["usage"]})
    yield DONE


@pytest.fixture(params=SHAPES)
def complete(request, server, client, instrument):
    """``complete(body, …)`` lets the server answer so, whole or as a stream, and makes the call."""
    instrument()

    def make(body, **options):
        if request.param == "whole":
            server.queue(json_answer(body))
            ask(client(), model=body["model"], **options)
            return
        server.queue(sse_answer(chunks(body)))
        for _ in ask(client(), model=body["model"], stream=True, stream_options={"include_usage": True}, **options):
            pass

    return make


def completion(model, usage, *choices):
    return chat(model, usage=usage, choices=[*choices] or [choice(content="x")])


def assert_costs(telemetry, amount, into, out):
    """One amount, on the span and once in the histogram, and the totals of the tokens once each."""
    attributes = telemetry.attributes()
    assert attributes["openai_cost.status"] == "priced"
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal(amount)
    assert_breakdown_adds_up(attributes)
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (into, out)
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, Decimal(amount))
    counted = [(labels["gen_ai.token.type"], point.count, point.sum) for labels, point in telemetry.points(TOKENS)]
    assert sorted(counted) == [("input", 1, into), ("output", 1, out)]
    assert telemetry.points(UNPRICED) == []


def test_audio_in_and_out_have_prices_of_their_own_and_are_parts_of_the_totals(complete, telemetry):
    usage = used(100, 200, {"audio_tokens": 40, "text_tokens": 60}, {"audio_tokens": 150, "text_tokens": 50})
    spoken = {"id": "audio_1", "data": "aGVsbG8=", "expires_at": 1_795_003_600, "transcript": "Hello"}
    complete(
        completion("gpt-audio", usage, choice(audio=spoken)),
        extra_body={"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}},
    )
    # 60 x 2.5 + 40 x 32 + 50 x 10 + 150 x 64 = 11530 millionths
    assert_costs(telemetry, "0.01153", 100, 200)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.audio.input_tokens"] == 40
    assert attributes["gen_ai.usage.audio.output_tokens"] == 150
    assert attributes["gen_ai.output.type"] == "speech"


def test_audio_without_a_count_of_the_text_leaves_the_rest_to_the_text(complete, telemetry):
    complete(completion("gpt-audio", used(100, 200, {"audio_tokens": 40}, {"audio_tokens": 150})))
    assert_costs(telemetry, "0.01153", 100, 200)


@pytest.mark.parametrize("other", [0, 100], ids=["and fills one", "and fills both"])
def test_of_a_gateway_that_knows_both_names_of_a_count_the_one_that_is_filled_is_read(complete, telemetry, other):
    usage = used(100, 200, {"cached_tokens": 40})
    usage |= {"input_tokens": other, "output_tokens": other * 2, "input_tokens_details": None}
    complete(completion("gpt-4o", usage))
    # 60 x 2.5 + 40 x 1.25 + 200 x 10 = 2200 millionths
    assert_costs(telemetry, "0.0022", 100, 200)


def test_predicted_tokens_are_among_the_output_whether_or_not_they_were_accepted(complete, telemetry):
    predicted = {"accepted_prediction_tokens": 120, "rejected_prediction_tokens": 80}
    complete(
        completion("gpt-4o", used(100, 300, None, predicted)),
        extra_body={"prediction": {"type": "content", "content": "x"}},
    )
    # 100 x 2.5 + 300 x 10 = 3250 millionths
    assert_costs(telemetry, "0.00325", 100, 300)


def test_several_choices_are_one_usage(complete, telemetry):
    choices = [choice(0, content="a"), choice(1, "length", content="b"), choice(2, content="c")]
    complete(completion("gpt-4o-mini", used(50, 60), *choices), n=3)
    # 50 x 0.15 + 60 x 0.6 = 43.5 millionths
    assert_costs(telemetry, "0.0000435", 50, 60)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.choice.count"] == 3
    assert attributes["gen_ai.response.finish_reasons"] == ("stop", "length", "stop")


@pytest.mark.parametrize("shape", SHAPES)
def test_the_best_of_several_completions_is_billed_for_all_of_them(server, client, instrument, telemetry, shape):
    instrument()
    # Four candidates of ten tokens were made, of which two are shown.
    shown = [{"text": " a", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    shown.append({**shown[0], "index": 1, "finish_reason": "length"})
    usage = {"prompt_tokens": 6, "completion_tokens": 40, "total_tokens": 46}
    body = payload("completion_legacy.json", choices=shown, usage=usage)
    options = {"model": "gpt-3.5-turbo-instruct", "prompt": "x", "n": 2, "best_of": 4}
    if shape == "whole":
        server.queue(json_answer(body))
        client().completions.create(**options)
    else:
        steps = [event({**body, "choices": [one], "usage": None}) for one in shown]
        server.queue(sse_answer([*steps, event({**body, "choices": []}), DONE]))
        list(client().completions.create(**options, stream=True, stream_options={"include_usage": True}))
    # 6 x 1.5 + 40 x 2 = 89 millionths
    assert_costs(telemetry, "0.000089", 6, 40)
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("stop", "length")


def probabilities(count):
    """Log probabilities of so many tokens, one of which is the word that the usage is found by."""
    top = [{"token": '"usage": {', "logprob": -0.1, "bytes": [34, 117]}]
    return {"content": [{**top[0], "top_logprobs": top * 5}] * count, "refusal": None}


def test_log_probabilities_cost_nothing(complete, telemetry):
    one = {**choice(content="x"), "logprobs": probabilities(3)}
    complete(completion("gpt-4o", used(100, 300), one), logprobs=True, top_logprobs=5)
    assert_costs(telemetry, "0.00325", 100, 300)


@pytest.mark.parametrize("way", WAYS)
def test_the_usage_is_found_behind_any_number_of_them(server, client, instrument, telemetry, way):
    instrument()
    one = {**choice(content="x"), "logprobs": probabilities(2000)}
    server.queue(json_answer(completion("gpt-4o", used(100, 300), one)))
    call(client().chat.completions, way, model="gpt-4o", messages=MESSAGES, logprobs=True, top_logprobs=5)
    assert_costs(telemetry, "0.00325", 100, 300)


class Answer(pydantic.BaseModel):
    """What a structured output is parsed into."""

    ok: bool


@needs_parse
@pytest.mark.parametrize("message", [{"content": '{"ok": true}'}, {"refusal": "I cannot."}])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_structured_answer_costs_its_tokens_as_does_a_refusal(server, client, instrument, telemetry, shape, message):
    instrument()
    body = completion("gpt-5.5", used(1000, 1000), choice(**message))
    options = {"model": "gpt-5.5", "messages": MESSAGES, "response_format": Answer}
    if shape == "whole":
        server.queue(json_answer(body))
        parsed = client().chat.completions.parse(**options)
    else:
        server.queue(sse_answer(chunks(body)))
        with client().chat.completions.stream(**options, stream_options={"include_usage": True}) as stream:
            parsed = stream.get_final_completion()
    assert parsed.choices[0].message.refusal == message.get("refusal")
    assert parsed.choices[0].message.parsed == (None if "refusal" in message else Answer(ok=True))
    assert_costs(telemetry, "0.035", 1000, 1000)
    assert telemetry.attributes()["gen_ai.output.type"] == "json"


@pytest.mark.parametrize("reason", ["stop", "content_filter", "length"])
def test_an_answer_that_is_refused_or_cut_short_is_billed(complete, telemetry, reason):
    complete(completion("gpt-5.5", used(1000, 1000), choice(reason=reason, refusal="I cannot.")))
    assert_costs(telemetry, "0.035", 1000, 1000)
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == (reason,)


def test_calls_of_tools_are_billed_as_tokens_and_their_arguments_are_no_usage(complete, telemetry):
    arguments = json.dumps({"usage": {"prompt_tokens": 10**6, "completion_tokens": 10**6}, "model": "gpt-6-sol"})
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": "usage", "arguments": arguments}}
        for number in range(2)
    ]
    complete(completion("gpt-4o", used(100, 300), choice(reason="tool_calls", tool_calls=calls)))
    assert_costs(telemetry, "0.00325", 100, 300)
    assert telemetry.attributes()["gen_ai.response.finish_reasons"] == ("tool_calls",)


SEARCH_MODELS = [
    # 10 x 2.5 + 20 x 10, and a search at 25 per thousand
    ("gpt-4o-search-preview-2025-03-11", "0.025225"),
    # 10 x 0.15 + 20 x 0.6, and the same
    ("gpt-4o-mini-search-preview", "0.0250135"),
    # 10 x 1.25 + 20 x 10, and a search at 10 per thousand
    ("gpt-5-search-api", "0.0102125"),
]


@pytest.mark.parametrize(("model", "amount"), SEARCH_MODELS)
def test_a_model_that_searches_has_one_fee_a_request(complete, telemetry, model, amount):
    cited = payload("chat_completion_web_search.json")["choices"][0]["message"]["annotations"]
    complete(
        completion(model, used(10, 20), choice(content="x", annotations=cited * 3)),
        extra_body={"web_search_options": {}},
    )
    assert_costs(telemetry, amount, 10, 20)
    fee = "0.01" if "api" in model else "0.025"
    assert money(telemetry.attributes()["openai_cost.tool"]) == Decimal(fee)


def test_usage_in_every_chunk_is_counted_once_and_so_is_the_search(server, client, instrument, telemetry):
    instrument()
    model, amount = SEARCH_MODELS[0]
    body = completion(model, used(10, 20))
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_795_000_000, "model": model}
    part = {"index": 0, "delta": {"content": "x"}, "finish_reason": None}
    growing = [event({**head, "choices": [part], "usage": used(10, count)}) for count in (1, 7, 13)]
    server.queue(sse_answer([*growing, *chunks(body)]))
    for _ in ask(client(), model=model, stream=True, stream_options={"include_usage": True}):
        pass
    assert_costs(telemetry, amount, 10, 20)


def test_pictures_in_the_prompt_are_among_its_tokens(complete, telemetry):
    looking = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk=", "detail": "high"}}] * 2
    complete(
        completion("gpt-4o", used(2000, 50, {"image_tokens": 1530, "text_tokens": 470})),
        messages=[{"role": "user", "content": looking}],
    )
    # 2000 x 2.5 + 50 x 10 = 5500 millionths: the model has one price for what it reads
    assert_costs(telemetry, "0.0055", 2000, 50)
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.image.input_tokens"] == 1530
    assert attributes["gen_ai.usage.text.input_tokens"] == 470


def test_thinking_is_among_the_output_and_the_cache_among_the_input(complete, telemetry):
    complete(completion("gpt-5.5", used(3000, 1000, {"cached_tokens": 2048}, {"reasoning_tokens": 640})))
    # 952 x 5 + 2048 x 0.5 + 1000 x 30 = 35784 millionths
    assert_costs(telemetry, "0.035784", 3000, 1000)
    attributes = telemetry.attributes()
    # 640 x 30
    assert money(attributes["openai_cost.reasoning"]) == Decimal("0.0192")
    assert money(attributes["openai_cost.cache_read"]) == Decimal("0.001024")
