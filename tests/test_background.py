# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What is started by one call and billed when finished is counted once, however often it is read."""

import threading

import pytest

from support.clients import OPENAI_VERSION, needs_late_responses
from support.payloads import event, events, payload
from support.server import Gate, json_answer, sse_answer

COST = "gen_ai.client.operation.cost"
UNPRICED = "openai_cost.unpriced_operations"

needs_videos = pytest.mark.skipif(OPENAI_VERSION < (2, 2), reason="the client has no videos")


def stored(status, usage=True, **changes):
    body = payload("response_simple.json") | {"id": "resp_bg", "background": True, "status": status} | changes
    return body if usage else body | {"usage": None, "output": []}


def costs(telemetry):
    if COST not in telemetry.metric_names():
        return []
    return [(point.count, point.sum) for _, point in telemetry.points(COST)]


PRICE = 36 * 4e-6 + 87 * 20e-6


@needs_late_responses
def test_a_background_response_is_counted_once_when_it_is_first_seen_finished(server, client, instrument, telemetry):
    instrument()
    queued = stored("queued", usage=False)
    for body in (queued, stored("in_progress", usage=False), stored("completed"), stored("completed")):
        server.queue(json_answer(body))
    api = client()
    api.responses.create(model="gpt-5.6-sol", input="x", background=True)
    for _ in range(3):
        api.responses.retrieve("resp_bg")
    created, *fetched = telemetry.spans()
    assert created.attributes["openai_cost.unpriced.reason"] == "background"
    assert [span.name for span in fetched] == ["fetch_response"] * 3
    for span in fetched:
        assert not [name for name in span.attributes if "usage" in name or "cost" in name]
        assert span.attributes["gen_ai.response.id"] == "resp_bg"
    assert fetched[1].attributes["gen_ai.response.status"] == "completed"
    [(attributes, point)] = telemetry.points(COST)
    assert (point.count, point.sum) == (1, pytest.approx(PRICE, abs=1e-12))
    assert attributes["gen_ai.operation.name"] == "chat"
    [(attributes, point)] = telemetry.points(UNPRICED)
    assert (attributes["openai_cost.unpriced.reason"], point.value) == ("background", 1)


@needs_late_responses
def test_the_completion_window_of_the_request_is_remembered_for_the_price(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(stored("queued", usage=False, model="gpt-6.2-sol")))
    server.queue(json_answer(stored("completed", model="gpt-6.2-sol")))
    api = client()
    api.responses.create(
        model="gpt-6.2-sol",
        input="x",
        background=True,
        extra_body={"background_options": {"completion_window": "2h"}},
    )
    api.responses.retrieve("resp_bg")
    assert costs(telemetry) == [(1, pytest.approx((36 * 2e-6 + 87 * 10e-6) * 0.7, abs=1e-12))]


@needs_late_responses
def test_what_another_process_created_is_left_to_it(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(stored("completed")))
    client().responses.retrieve("resp_bg")
    assert costs(telemetry) == []


@needs_late_responses
def test_what_another_process_created_is_counted_once_if_asked_for(server, client, instrument, telemetry):
    instrument(count_foreign=True)
    server.queue(json_answer(stored("completed")))
    server.queue(json_answer(stored("completed")))
    api = client()
    api.responses.retrieve("resp_bg")
    api.responses.retrieve("resp_bg")
    assert costs(telemetry) == [(1, pytest.approx(PRICE, abs=1e-12))]


@needs_late_responses
def test_a_stored_response_that_was_not_made_in_the_background_is_never_counted(server, client, instrument, telemetry):
    instrument(count_foreign=True)
    server.queue(json_answer(stored("completed", background=False)))
    client().responses.retrieve("resp_bg")
    assert costs(telemetry) == []


@needs_late_responses
def test_a_cancelled_response_is_settled_with_the_usage_it_reports(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(stored("queued", usage=False)))
    server.queue(json_answer(stored("cancelled")))
    api = client()
    api.responses.create(model="gpt-5.6-sol", input="x", background=True)
    api.responses.cancel("resp_bg")
    assert costs(telemetry) == [(1, pytest.approx(PRICE, abs=1e-12))]
    assert telemetry.spans()[-1].name == "cancel_response"


def test_a_batch_is_priced_at_batch_rates_when_first_seen_completed(server, client, instrument, telemetry):
    instrument()
    for name in ("batch_created.json", "batch_completed.json", "batch_completed.json"):
        server.queue(json_answer(payload(name)))
    api = client()
    api.batches.create(input_file_id="file-in", endpoint="/v1/chat/completions", completion_window="24h")
    api.batches.retrieve("batch_1")
    api.batches.retrieve("batch_1")
    assert [span.name for span in telemetry.spans()] == ["fetch_batch"] * 2
    assert telemetry.spans()[0].attributes["openai_cost.batch.status"] == "completed"
    assert costs(telemetry) == [(1, pytest.approx((1976 * 2 + 1024 * 0.2 + 500 * 10) / 1e6, abs=1e-12))]


@needs_videos
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_video_is_priced_by_the_second_when_first_seen_completed(server, client, instrument, telemetry):
    instrument()
    for name in ("video_queued.json", "video_completed.json", "video_completed.json"):
        server.queue(json_answer(payload(name)))
    api = client()
    api.videos.create(model="sora-2-pro", prompt="A calico cat", seconds="8")
    api.videos.retrieve("video_1")
    api.videos.retrieve("video_1")
    assert costs(telemetry) == [(1, pytest.approx(8 * 0.3, abs=1e-12))]


def test_trained_tokens_are_counted_as_unpriced_once(server, client, instrument, telemetry):
    instrument(count_foreign=True)
    server.queue(json_answer(payload("fine_tuning_job.json")))
    server.queue(json_answer(payload("fine_tuning_job.json")))
    api = client()
    api.fine_tuning.jobs.retrieve("ftjob-1")
    api.fine_tuning.jobs.retrieve("ftjob-1")
    [(attributes, point)] = telemetry.points(UNPRICED)
    assert (attributes["openai_cost.unpriced.reason"], point.value) == ("missing_rate", 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_of_an_assistant_is_counted_once_when_first_seen_completed(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(payload("assistants_run.json") | {"status": "queued", "usage": None}))
    server.queue(json_answer(payload("assistants_run.json")))
    server.queue(json_answer(payload("assistants_run.json")))
    api = client()
    api.beta.threads.runs.create("thread_1", assistant_id="asst_1")
    api.beta.threads.runs.retrieve("run_1", thread_id="thread_1")
    api.beta.threads.runs.retrieve("run_1", thread_id="thread_1")
    assert [span.name for span in telemetry.spans()] == ["invoke_agent", "fetch_run", "fetch_run"]
    assert costs(telemetry) == [(1, pytest.approx((123 * 2.5 + 456 * 10) / 1e6, abs=1e-12))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_streamed_run_brings_its_own_usage(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("assistants_run_stream.sse")))
    for _ in client().beta.threads.runs.create("thread_1", assistant_id="asst_1", stream=True):
        pass
    assert telemetry.span().attributes["gen_ai.usage.input_tokens"] == 123
    assert costs(telemetry) == [(1, pytest.approx((123 * 2.5 + 456 * 10) / 1e6, abs=1e-12))]


@needs_late_responses
def test_a_background_stream_that_ends_is_not_counted_again_when_read(server, client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(events("response_stream_background_queued.sse")))
    server.queue(json_answer(stored("completed")))
    api = client()
    for _ in api.responses.create(model="gpt-5.6-sol", input="x", background=True, stream=True):
        pass
    api.responses.retrieve("resp_bg")
    assert sum(count for count, _ in costs(telemetry)) == 1


def finished_stream():
    """The events of a background response from its beginning to its end."""
    begun, done = stored("in_progress", usage=False), stored("completed")
    return [
        event({"type": kind, "sequence_number": number, "response": body}, kind)
        for number, (kind, body) in enumerate([("response.created", begun), ("response.completed", done)])
    ]


@needs_late_responses
@pytest.mark.parametrize("count_foreign", [False, True])
def test_a_background_stream_is_counted_once_when_another_thread_reads_the_response_meanwhile(
    server, client, instrument, telemetry, count_foreign
):
    instrument(count_foreign=count_foreign)
    gate = Gate()
    begun, done = finished_stream()
    server.queue(sse_answer([begun, gate, done]), json_answer(stored("completed")), json_answer(stored("completed")))
    api = client()
    stream = api.responses.create(model="gpt-5.6-sol", input="x", background=True, stream=True)
    next(iter(stream))
    reader = threading.Thread(target=api.responses.retrieve, args=("resp_bg",))
    reader.start()
    reader.join()
    gate.open()
    assert [one.type for one in stream] == ["response.completed"]
    api.responses.retrieve("resp_bg")
    assert costs(telemetry) == [(1, pytest.approx(PRICE, abs=1e-12))]
    assert telemetry.points(UNPRICED) == []
    [described] = [span for span in telemetry.spans() if span.name == "chat gpt-5.6-sol"]
    assert described.attributes["gen_ai.usage.cost.amount"] == pytest.approx(PRICE, abs=1e-12)


@needs_late_responses
@pytest.mark.parametrize("turn", range(5))
def test_a_background_stream_and_many_readers_at_its_very_end_count_once(server, client, instrument, telemetry, turn):
    instrument(count_foreign=True)
    server.queue(sse_answer(finished_stream()), *[json_answer(stored("completed"))] * 4)
    api = client()
    stream = iter(api.responses.create(model="gpt-5.6-sol", input="x", background=True, stream=True))
    next(stream)
    together = threading.Barrier(5)

    def run(read):
        together.wait()
        read()

    reads = [lambda: list(stream), *[lambda: api.responses.retrieve("resp_bg")] * 4]
    threads = [threading.Thread(target=run, args=(read,)) for read in reads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert costs(telemetry) == [(1, pytest.approx(PRICE, abs=1e-12))]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_run_that_goes_on_with_tool_outputs_is_one_running_job(server, client, instrument, telemetry):
    instrument()
    for status in ("queued", "queued", "queued"):
        server.queue(json_answer(payload("assistants_run.json") | {"status": status, "usage": None}))
    server.queue(json_answer(payload("assistants_run.json")))
    runs = client().beta.threads.runs
    runs.create("thread_1", assistant_id="asst_1")
    for _ in range(2):
        runs.submit_tool_outputs("run_1", thread_id="thread_1", tool_outputs=[{"tool_call_id": "c", "output": "x"}])
    runs.retrieve("run_1", thread_id="thread_1")
    [(attributes, point)] = telemetry.points(UNPRICED)
    assert (attributes["openai_cost.unpriced.reason"], point.value) == ("background", 1)
    assert costs(telemetry) == [(1, pytest.approx((123 * 2.5 + 456 * 10) / 1e6, abs=1e-12))]
    assert [span.name for span in telemetry.spans()] == ["invoke_agent"] * 3 + ["fetch_run"]
