# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Images: what a span says of request, response, usage and cost."""

from decimal import Decimal

import openai
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from support.clients import OPENAI_VERSION
from support.expect import (
    AT_OPENAI,
    COST,
    DURATION,
    FIRST_CHUNK,
    TOKENS,
    UNPRICED,
    assert_abandoned,
    assert_breakdown_adds_up,
    assert_failed,
    assert_no_cost,
    assert_priced,
    assert_same,
    assert_unpriced,
    conventional,
    money,
)
from support.payloads import DONE, event, events, payload
from support.server import json_answer, sse_answer
from support.ways import WAYS, async_call, call

needs_streams = pytest.mark.skipif(OPENAI_VERSION < (1, 97), reason="the client cannot stream images")
# The client says so of the endpoint for variations, whose model is retired.
deprecated = pytest.mark.filterwarnings("ignore::DeprecationWarning")

MODEL = "gpt-image-2.5-flare"
# 10 text tokens at 5, 40 image tokens at 8 and 4160 tokens out at 30; USD per million
PRICE = "0.12517"
PICTURE = ("my-secret-face.png", b"\x89PNG secret", "image/png")


def draw(client, **options):
    return client.images.generate(**{"model": MODEL, "prompt": "A secret cat", **options})


def made(**changes):
    return payload("images_generate.json", **changes)


def without_usage(images=1, **changes):
    data = [{"url": "https://images.example/1.png"}] * images
    return payload("images_dalle3_no_usage.json", data=data, **changes)


def completed(kind="image_generation.completed", **changes):
    """The last event of a stream: 50 tokens in and 4160 out."""
    usage = {k: v for k, v in made()["usage"].items() if k != "output_tokens_details"}
    data = {"type": kind, "b64_json": "aGVsbG8=", "created_at": 1_795_000_000, "quality": "high", "size": "1024x1024"}
    return event({**data, "usage": usage, **changes}, name=kind)


# --- what is recorded ---


def test_a_generation_makes_one_client_span_with_the_conventional_attributes(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(made()))
    draw(client())
    span = telemetry.span()
    assert (span.name, span.kind) == (f"generate_content {MODEL}", SpanKind.CLIENT)
    assert span.status.status_code is StatusCode.UNSET
    assert_same(
        conventional(span.attributes),
        {
            **AT_OPENAI,
            "gen_ai.operation.name": "generate_content",
            "gen_ai.output.type": "image",
            "gen_ai.request.model": MODEL,
            "gen_ai.usage.input_tokens": 50,
            "gen_ai.usage.text.input_tokens": 10,
            "gen_ai.usage.image.input_tokens": 40,
            "gen_ai.usage.output_tokens": 4160,
            "gen_ai.usage.text.output_tokens": 0,
            "gen_ai.usage.image.output_tokens": 4160,
            "gen_ai.usage.cost.amount": float(PRICE),
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local",
        },
    )


def test_the_image_itself_is_described_by_quality_size_and_count(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(made()))
    draw(client(), extra_body={"quality": "auto"})
    attributes = telemetry.attributes()
    expected = {
        "openai_cost.image.quality": "high",
        "openai_cost.image.size": "1024x1024",
        "openai_cost.image.count": 1,
    }
    assert_same({key: attributes.get(key) for key in expected}, expected)


def test_the_price_is_that_of_text_and_image_tokens(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(made()))
    draw(client())
    attributes = telemetry.attributes()
    assert attributes["openai_cost.pricing.model"] == MODEL
    assert money(attributes["openai_cost.input"]) == Decimal("0.00037")
    assert money(attributes["openai_cost.output"]) == Decimal("0.1248")
    assert_breakdown_adds_up(attributes)


def test_tokens_duration_and_cost_are_recorded_once(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(made()))
    draw(client())
    common = {**AT_OPENAI, "gen_ai.operation.name": "generate_content", "gen_ai.request.model": MODEL}
    attributes, point = telemetry.point(DURATION)
    assert (attributes, point.count) == (common, 1)
    for kind, tokens in (("input", 50), ("output", 4160)):
        attributes, point = telemetry.point(TOKENS, **{"gen_ai.token.type": kind})
        assert (attributes, point.sum) == ({**common, "gen_ai.token.type": kind}, tokens)
    attributes, point = telemetry.point(COST)
    currency = {"gen_ai.usage.cost.currency": "USD", "gen_ai.usage.cost.source": "local"}
    assert attributes == {**common, **currency}
    assert money(point.sum) == Decimal(PRICE)


@pytest.mark.parametrize("way", WAYS)
def test_a_generation_is_the_same_however_the_response_is_taken(server, client, instrument, telemetry, way):
    instrument()
    server.route("POST", "/v1/images/generations", json_answer(made()))
    one = client()
    draw(one)
    call(one.images, way, "generate", model=MODEL, prompt="x")
    parsed, other = telemetry.spans()
    assert other.name == parsed.name
    assert other.attributes == parsed.attributes


@pytest.mark.parametrize("way", WAYS)
async def test_an_asynchronous_generation_is_the_same(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(made()))
    await async_call(async_client().images, way, "generate", model=MODEL, prompt="x")
    assert telemetry.span().name == f"generate_content {MODEL}"
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_is_the_same_operation_read_from_its_form(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(made()))
    call(client().images, way, "edit", image=PICTURE, prompt="Make it green", model=MODEL, n=2)
    assert server.requests[0].path == "/v1/images/edits"
    assert telemetry.span().name == f"generate_content {MODEL}"
    assert telemetry.attributes()["gen_ai.request.choice.count"] == 2
    assert_priced(telemetry, PRICE)


@pytest.mark.parametrize("way", WAYS)
async def test_an_asynchronous_edit_is_the_same_operation(server, async_client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(made()))
    await async_call(async_client().images, way, "edit", image=PICTURE, prompt="Make it green", model=MODEL)
    assert_priced(telemetry, PRICE)


def test_the_form_of_an_edit_goes_out_as_it_would_without_us(server, client, instrument):
    server.route("POST", "/v1/images/edits", json_answer(made()))
    one = client()

    def edit():
        one.images.edit(image=PICTURE, prompt="x", model=MODEL)

    edit()
    instrument()
    edit()
    bare, observed = server.requests
    boundary = [request.headers["content-type"].partition("boundary=")[2].encode() for request in (bare, observed)]
    assert observed.body.replace(boundary[1], b"") == bare.body.replace(boundary[0], b"")


def test_what_the_caller_gets_is_exactly_what_the_client_returns(server, client, instrument):
    server.route("POST", "/v1/images/generations", json_answer(made()))
    one = client()
    bare = draw(one)
    instrument()
    observed = draw(one)
    assert type(observed) is type(bare)
    assert observed == bare


def test_one_image_is_the_default_and_not_recorded(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(made()))
    draw(client(), n=1)
    assert {key for key in telemetry.attributes() if ".request." in key} == {"gen_ai.request.model"}


def test_neither_prompts_nor_pictures_nor_names_of_files_are_recorded(server, client, instrument, telemetry):
    instrument()
    answer = made(data=[{"b64_json": "c2VjcmV0", "revised_prompt": "a secret revision"}])
    server.queue(json_answer(answer), json_answer(answer))
    one = client()
    draw(one, user="a secret user")
    one.images.edit(image=PICTURE, prompt="a secret wish", model=MODEL)
    for span in telemetry.spans():
        assert "secret" not in span.to_json()
        assert "c2VjcmV0" not in span.to_json()


def test_an_error_is_an_error_without_a_cost(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer({"error": {"message": "no secret cats", "code": "moderation_blocked"}}, status=400))
    one = client()
    with pytest.raises(openai.BadRequestError):
        draw(one)
    assert_failed(telemetry, "BadRequestError")
    assert "openai_cost.image.count" not in telemetry.attributes()


@pytest.mark.skipif(OPENAI_VERSION < (1, 3), reason="the client passes by the deployment")
def test_an_azure_deployment_named_like_its_model_is_priced_from_azure_s_list(
    server, azure_client, instrument, telemetry
):
    instrument()
    server.queue(json_answer(made()))
    draw(azure_client())
    assert server.requests[0].path.startswith(f"/openai/deployments/{MODEL}/images/generations")
    assert telemetry.attributes()["gen_ai.provider.name"] == "azure.ai.openai"
    assert_priced(telemetry, PRICE)


# --- tokens ---


def test_text_that_a_model_writes_into_its_output_has_a_rate_of_its_own(server, client, instrument, telemetry):
    instrument()
    usage = {
        "input_tokens": 50,
        "input_tokens_details": {"text_tokens": 50, "image_tokens": 0},
        "output_tokens": 1076,
        "output_tokens_details": {"text_tokens": 20, "image_tokens": 1056},
    }
    server.queue(json_answer(made(usage=usage)))
    draw(client(), model="gpt-image-1.5")
    # 50 at 5, 1056 at 32 and 20 at 10
    assert_priced(telemetry, "0.034242")


def test_output_that_is_not_split_is_image(server, client, instrument, telemetry):
    instrument()
    usage = {k: v for k, v in made()["usage"].items() if k != "output_tokens_details"}
    server.queue(json_answer(made(usage=usage)))
    draw(client(), model="gpt-image-1.5")
    assert telemetry.attributes()["gen_ai.usage.image.output_tokens"] == 4160
    # 10 at 5, 40 at 8, and 4160 at 32 rather than the 10 of text
    assert_priced(telemetry, "0.13349")


def test_counts_that_contradict_each_other_are_not_priced(server, client, instrument, telemetry):
    instrument()
    usage = {"input_tokens": 10, "input_tokens_details": {"image_tokens": 40}, "output_tokens": 4160}
    server.queue(json_answer(made(usage=usage)))
    draw(client())
    assert_unpriced(telemetry, "inconsistent_usage")


def test_a_request_that_names_no_model_is_not_priced_at_a_guess(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(made()))
    client().images.generate(prompt="x")
    assert telemetry.span().name == "generate_content"
    assert telemetry.attributes()["gen_ai.usage.input_tokens"] == 50
    assert_unpriced(telemetry, "unknown_model")


# --- prices per image ---


@pytest.mark.parametrize(
    ("request_body", "amount"),
    [
        ({"model": "dall-e-3"}, "0.04"),
        ({"model": "dall-e-3", "size": "1024x1792"}, "0.08"),
        ({"model": "dall-e-3", "quality": "hd"}, "0.08"),
        ({"model": "dall-e-3", "quality": "hd", "size": "1792x1024"}, "0.12"),
        ({"model": "dall-e-2"}, "0.02"),
        ({"model": "dall-e-2", "size": "256x256"}, "0.016"),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else value,
)
def test_without_tokens_an_image_costs_what_its_quality_and_size_cost(
    server, client, instrument, telemetry, request_body, amount
):
    instrument()
    server.queue(json_answer(without_usage()))
    draw(client(), **request_body)
    attributes = telemetry.attributes()
    assert not [key for key in attributes if key.endswith("_tokens")]
    assert attributes["openai_cost.image.quality"] == request_body.get("quality", "standard")
    assert attributes["openai_cost.image.size"] == request_body.get("size", "1024x1024")
    assert money(attributes["openai_cost.other"]) == Decimal(amount)
    assert_breakdown_adds_up(attributes)
    assert_priced(telemetry, amount)


@pytest.mark.parametrize("way", WAYS)
def test_the_images_that_came_are_billed_not_those_asked_for(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(without_usage(images=2)))
    call(client().images, way, "generate", model="dall-e-2", prompt="x", n=3, size="512x512")
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.choice.count"] == 3
    assert attributes["openai_cost.image.count"] == 2
    assert_priced(telemetry, "0.036")


@deprecated
@pytest.mark.parametrize("way", WAYS)
def test_variations_are_billed_by_the_image(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(without_usage(images=3)))
    call(client().images, way, "create_variation", image=PICTURE, model="dall-e-2", n=3, size="512x512")
    assert server.requests[0].path == "/v1/images/variations"
    assert telemetry.span().name == "generate_content dall-e-2"
    assert_priced(telemetry, "0.054")


@deprecated
async def test_asynchronous_variations_are_billed_by_the_image(server, async_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(without_usage()))
    await async_client().images.create_variation(image=PICTURE, model="dall-e-2")
    assert_priced(telemetry, "0.02")


@deprecated
def test_variations_were_made_by_one_model_only_whether_or_not_it_is_named(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(without_usage()))
    client().images.create_variation(image=PICTURE)
    attributes = telemetry.attributes()
    assert telemetry.span().name == "generate_content"
    assert not [key for key in attributes if key.endswith(".model") and key.startswith("gen_ai.")]
    assert attributes["openai_cost.pricing.model"] == "dall-e-2"
    assert_priced(telemetry, "0.02")


def test_what_the_response_says_of_the_image_wins_over_the_request(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(without_usage(quality="hd", size="1792x1024")))
    draw(client(), model="dall-e-3", quality="standard", size="1024x1024")
    assert telemetry.attributes()["openai_cost.image.quality"] == "hd"
    assert_priced(telemetry, "0.12")


def test_a_model_that_bills_the_prompt_too_is_partly_priced_without_tokens(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(without_usage(quality="high", size="1024x1024")))
    draw(client(), model="gpt-image-1")
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert attributes["openai_cost.unpriced.reason"] == "missing_rate"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.167")
    assert telemetry.points(COST) == []
    assert telemetry.point(UNPRICED)[1].value == 1


@pytest.mark.parametrize(
    "request_body", [{}, {"quality": "auto", "size": "1024x1024"}, {"quality": "high", "size": "auto"}]
)
def test_what_is_left_to_the_model_and_not_stated_has_no_price(server, client, instrument, telemetry, request_body):
    instrument()
    server.queue(json_answer(without_usage()))
    draw(client(), model="gpt-image-1", extra_body=request_body)
    assert_unpriced(telemetry, "no_usage")


def test_a_quality_or_size_without_a_price_is_a_missing_rate(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(without_usage()))
    draw(client(), model="dall-e-3", extra_body={"size": "4096x4096"})
    assert_unpriced(telemetry, "missing_rate")


# --- SVG: another model draws it ---


@pytest.mark.parametrize("way", WAYS)
def test_the_author_of_an_svg_is_billed_beside_the_image(server, client, instrument, telemetry, way):
    instrument()
    server.queue(json_answer(payload("images_svg.json")))
    call(client().images, way, "generate", model=MODEL, prompt="x", extra_body={"output_format": "svg"})
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.input_tokens"] == 50
    assert attributes["gen_ai.usage.output_tokens"] == 4160
    # 900 tokens of gpt-5.6-sol at 4 and 1500 at 20
    assert money(attributes["openai_cost.tool"]) == Decimal("0.0336")
    assert_breakdown_adds_up(attributes)
    assert_priced(telemetry, "0.15877")


def test_the_author_of_a_large_raw_svg_is_not_taken_for_the_model_that_answered(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("images_svg.json", data=[{"b64_json": "a" * 400_000}])))
    client().images.with_raw_response.generate(model=MODEL, prompt="x")
    assert "gen_ai.response.model" not in telemetry.attributes()
    assert_priced(telemetry, "0.15877")


def test_an_author_of_an_unknown_model_makes_the_price_partial(server, client, instrument, telemetry):
    instrument()
    svg = {**payload("images_svg.json")["svg_usage"], "model": "gpt-99"}
    server.queue(json_answer(payload("images_svg.json", svg_usage=svg)))
    draw(client())
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert money(attributes["openai_cost.partial_amount"]) == Decimal(PRICE)


def test_the_author_alone_is_not_the_price(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("images_svg.json", usage=None, quality=None)))
    draw(client())
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal("0.0336")


# --- streams ---


@needs_streams
def test_a_stream_is_priced_by_its_last_event(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("images_generate_stream.sse")))
    kinds = [item.type for item in draw(client(), stream=True, partial_images=1)]
    assert kinds == ["image_generation.partial_image", "image_generation.completed"]
    attributes = telemetry.attributes()
    assert attributes["gen_ai.request.stream"] is True
    assert attributes["gen_ai.usage.image.output_tokens"] == 4160
    assert attributes["openai_cost.image.quality"] == "high"
    assert attributes["openai_cost.image.size"] == "1024x1024"
    assert attributes["openai_cost.image.count"] == 1
    assert type(attributes["gen_ai.response.time_to_first_chunk"]) is float
    assert telemetry.point(FIRST_CHUNK)[1].count == 1
    assert_priced(telemetry, PRICE)


@needs_streams
def test_a_streamed_edit_is_priced_by_its_last_event(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("images_edit_stream.sse")))
    stream = client().images.edit(image=PICTURE, prompt="x", model=MODEL, stream=True)
    assert [item.type for item in stream][-1] == "image_edit.completed"
    assert telemetry.attributes()["gen_ai.request.stream"] is True
    assert_priced(telemetry, PRICE)


@needs_streams
async def test_asynchronous_streams_are_priced_too(server, async_client, instrument, telemetry):
    instrument()
    server.queue(
        sse_answer(events("images_generate_stream.sse")), sse_answer(events("images_edit_stream.sse"), split=7)
    )
    one = async_client()
    async for _ in await draw(one, stream=True):
        pass
    async for _ in await one.images.edit(image=PICTURE, prompt="x", model=MODEL, stream=True):
        pass
    amounts = [money(span.attributes["gen_ai.usage.cost.amount"]) for span in telemetry.spans()]
    assert amounts == [Decimal(PRICE)] * 2


@needs_streams
def test_a_raw_stream_is_priced_when_it_was_read(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("images_generate_stream.sse")))
    raw = client().images.with_raw_response.generate(model=MODEL, prompt="x", stream=True)
    assert telemetry.spans() == ()
    assert len(list(raw.parse())) == 2
    assert_priced(telemetry, PRICE)


@needs_streams
def test_events_on_the_wire_are_priced_when_they_are_read_as_lines(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("images_generate_stream.sse"), gzip=True))
    streaming = client().images.with_streaming_response
    with streaming.generate(model=MODEL, prompt="x", stream=True) as response:
        assert list(response.iter_lines())
    assert_priced(telemetry, PRICE)


@needs_streams
def test_an_image_too_large_to_keep_is_priced_by_the_end_of_its_event(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer([completed(b64_json="A" * (9 * 1024 * 1024))], split=1024 * 1024))
    (image,) = draw(client(), stream=True)
    assert len(image.b64_json) == 9 * 1024 * 1024
    assert_priced(telemetry, PRICE)


@needs_streams
def test_the_operation_has_ended_when_the_last_event_is_seen(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer([completed(), DONE]))
    stream = draw(client(), stream=True)
    next(stream)
    assert_priced(telemetry, PRICE)
    stream.close()


@needs_streams
def test_a_stream_closed_after_a_partial_image_is_abandoned(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("images_generate_stream.sse")))
    with draw(client(), stream=True) as stream:
        assert next(iter(stream)).type == "image_generation.partial_image"
    assert_abandoned(telemetry)


@needs_streams
def test_every_image_of_a_stream_is_billed(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer([completed(), completed()]))
    assert len(list(draw(client(), stream=True, n=2))) == 2
    attributes = telemetry.attributes()
    assert attributes["gen_ai.usage.output_tokens"] == 8320
    assert attributes["openai_cost.image.count"] == 2
    assert_priced(telemetry, "0.25034")


@needs_streams
def test_a_stream_with_fewer_images_than_asked_for_is_partly_priced(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer([completed()]))
    list(draw(client(), stream=True, n=2))
    attributes = telemetry.attributes()
    assert_no_cost(attributes)
    assert attributes["openai_cost.status"] == "partial"
    assert money(attributes["openai_cost.partial_amount"]) == Decimal(PRICE)


@needs_streams
def test_an_error_event_is_an_error(server, client, instrument, telemetry):
    instrument()
    error = {"type": "error", "error": {"type": "image_generation_server_error", "code": "oops", "message": "secret"}}
    server.queue(sse_answer([events("images_generate_stream.sse")[0], event(error, name="error")]))
    stream = draw(client(), stream=True)
    with pytest.raises(openai.APIError):
        list(stream)
    assert_failed(telemetry, "oops")
    assert "secret" not in telemetry.span().to_json()


# --- what is none of ours ---


def test_moderation_is_free_and_makes_no_span(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("moderation.json")))
    assert client().moderations.create(input="x").id == "modr-1"
    assert telemetry.spans() == ()
    assert telemetry.metric_names() <= {"openai_cost.price_book.age"}


@pytest.mark.parametrize("path", ["/images", "/images/generations/1", "/images/upscales"])
def test_an_endpoint_that_is_not_in_the_table_has_no_span_and_is_left_alone(
    server, client, instrument, telemetry, path
):
    instrument()
    server.queue(json_answer(made()))
    assert client().post(path, cast_to=object, body={"model": MODEL, "prompt": "x"}) == made()
    assert telemetry.spans() == ()
    assert telemetry.metric_names() <= {"openai_cost.price_book.age"}
