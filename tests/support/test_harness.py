# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The tests' own tools, tried with a bare client: nothing is instrumented here."""

import threading

import openai
import pytest
from opentelemetry.trace import SpanKind

from support.payloads import DONE, event, events, payload
from support.server import Cut, Gate, Pause, bytes_answer, drop_answer, json_answer, sse_answer
from support.telemetry import Instrument

MESSAGES = [{"role": "user", "content": "Hello"}]


def ask(client, **options):
    return client.chat.completions.create(model="gpt-5.6-sol", messages=MESSAGES, **options)


def test_answers_come_in_the_order_in_which_they_were_queued_and_requests_are_kept(server, client):
    server.queue(json_answer(payload("chat_completion.json")), json_answer(payload("chat_completion.json", id="2")))
    one = client()
    assert [ask(one).id, ask(one, temperature=0.5).id] == ["chatcmpl-C1x", "2"]
    first, second = server.requests
    assert (first.method, first.path) == ("POST", "/v1/chat/completions")
    assert first.headers["host"] == "api.openai.com"
    assert first.headers["authorization"] == "Bearer test-key"
    assert second.json == {"model": "gpt-5.6-sol", "messages": MESSAGES, "temperature": 0.5}


def test_the_client_keeps_its_public_url_while_the_server_answers(server, client):
    server.queue(json_answer(payload("chat_completion.json")))
    one = client(base_url="https://eu.api.openai.com/v1")
    raw = one.chat.completions.with_raw_response.create(model="gpt-5.6-sol", messages=MESSAGES)
    assert one.base_url.host == "eu.api.openai.com"
    assert raw.http_response.request.url.host == "eu.api.openai.com"
    assert server.requests[0].headers["host"] == "eu.api.openai.com"


def test_a_route_answers_when_the_queue_is_empty(server, client):
    server.route("POST", "/v1/embeddings", json_answer(payload("embeddings.json")))
    one = client()
    for _ in range(2):
        reply = one.embeddings.create(model="text-embedding-3-small", input="x", encoding_format="float")
        assert dict(reply.usage)["total_tokens"] == 8


def test_a_request_without_a_prepared_answer_is_an_error_that_says_so(client):
    with pytest.raises(openai.InternalServerError, match="prepared no answer to POST /v1/chat/completions"):
        ask(client())


@pytest.mark.parametrize("gzip", [False, True])
@pytest.mark.parametrize("split", [None, 1, 7])
def test_a_stream_arrives_whole_however_it_is_cut_into_chunks_and_compressed(server, client, split, gzip):
    server.queue(sse_answer(events("chat_stream_with_usage.sse"), split=split, gzip=gzip))
    chunks = list(ask(client(), stream=True))
    assert len(chunks) == 5
    assert dict(chunks[-1].usage)["total_tokens"] == 29


async def test_the_asynchronous_client_streams_too(server, async_client):
    server.queue(sse_answer(events("chat_stream_no_usage.sse")))
    stream = await ask(async_client(), stream=True)
    assert [chunk.choices[0].delta.content async for chunk in stream] == ["", "Hel", "lo", None]


def test_a_gzipped_json_body_is_read(server, client):
    server.queue(json_answer(payload("chat_completion.json"), gzip=True))
    assert ask(client()).usage.prompt_tokens == 1500


def test_a_gate_holds_the_stream_between_two_chunks(server, client):
    gate = Gate()
    first, *rest = events("chat_stream_no_usage.sse")
    server.queue(sse_answer([first, gate, *rest]))
    stream = ask(client(), stream=True)
    next(stream)
    gate.wait_until_reached()
    threading.Timer(0.05, gate.open).start()
    assert len(list(stream)) == 3


@pytest.mark.parametrize("cut_after", [1, 300])
def test_a_cut_connection_is_an_error_of_the_transport(server, client, cut_after):
    server.queue(sse_answer(events("chat_stream_no_usage.sse"), cut_after=cut_after))
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error"):
        list(ask(client(), stream=True))


def test_a_cut_may_stand_between_two_events(server, client):
    first, *_ = events("chat_stream_no_usage.sse")
    server.queue(sse_answer([first, Cut()]))
    stream = ask(client(), stream=True)
    next(stream)
    with pytest.raises(Exception, match=r"(?i)peer closed|incomplete|connection error"):
        next(stream)


def test_a_dropped_connection_is_a_connection_error(server, client):
    server.queue(drop_answer())
    with pytest.raises(openai.APIConnectionError):
        ask(client())


def test_a_pause_before_the_head_lets_the_client_time_out(server, client):
    server.queue(json_answer(payload("chat_completion.json"), before=[Pause(1)]))
    with pytest.raises(openai.APITimeoutError):
        ask(client(timeout=0.05))


def test_errors_have_their_status_and_are_retried_as_the_client_was_told(server, client):
    error = json_answer(payload("error_429.json"), status=429, headers={"retry-after-ms": "1"})
    server.queue(error, error, json_answer(payload("chat_completion.json")))
    assert ask(client(max_retries=2)).id == "chatcmpl-C1x"
    assert len(server.requests) == 3
    server.queue(error)
    with pytest.raises(openai.RateLimitError):
        ask(client())


def test_a_body_of_any_type_can_be_sent(server, client):
    server.queue(bytes_answer(b"ID3", content_type="audio/mpeg", headers={"x-request-id": "req_1"}))
    spoken = client().audio.speech.create(model="tts-1", voice="alloy", input="hi")
    assert spoken.read() == b"ID3"


def test_azure_clients_reach_the_server_under_their_deployment(server, azure_client):
    server.queue(json_answer(payload("chat_completion.json")))
    ask(azure_client())
    assert server.requests[0].path.startswith("/openai/deployments/gpt-5.6-sol/chat/completions?api-version=")
    assert server.requests[0].headers["host"] == "acme.openai.azure.com"


def test_payloads_are_copies_and_events_end_with_a_blank_line():
    body = payload("chat_completion.json", model="other")
    body["usage"]["prompt_tokens"] = 0
    assert payload("chat_completion.json")["usage"]["prompt_tokens"] == 1500
    assert body["model"] == "other"
    assert events("chat_stream_no_usage.sse")[-1] == DONE
    assert event({"a": 1}, name="x") == b'event: x\ndata: {"a":1}\n\n'


def test_spans_are_read_back_when_they_have_ended(telemetry):
    span = telemetry.tracer_provider.get_tracer("scope", "1").start_span("one", kind=SpanKind.CLIENT)
    assert [started.name for started in telemetry.open_spans()] == ["one"]
    span.set_attribute("a", 1)
    span.end()
    assert telemetry.span().name == "one"
    assert telemetry.attributes() == {"a": 1}


def test_metrics_are_read_back_with_what_they_say_of_themselves(telemetry):
    meter = telemetry.meter_provider.get_meter("scope", "1")
    histogram = meter.create_histogram("h", "s", "how long", explicit_bucket_boundaries_advisory=[1, 2])
    histogram.record(1, {"k.x": "v"})
    meter.create_counter("c", "{call}").add(2, {"k": "w"})
    assert telemetry.metric("h") == Instrument("h", "s", "how long", "Histogram", (1.0, 2.0))
    assert telemetry.metric("c") == Instrument("c", "{call}", "", "Sum", None)
    assert telemetry.point("h", **{"k.x": "v"})[1].sum == 1
    attributes, point = telemetry.point("c")
    assert (attributes, point.value) == ({"k": "w"}, 2)
    assert telemetry.metric_names() == {"h", "c"}
    assert telemetry.scopes() == {("scope", "1", "")}
