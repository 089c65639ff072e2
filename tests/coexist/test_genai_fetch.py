# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Beside opentelemetry-instrumentation-genai-openai, a stored response that is read has one span, and is counted once."""

from decimal import Decimal

import pytest

pytest.importorskip("opentelemetry.instrumentation.genai.openai")

from coexist.calls import OFFICIAL, OURS, scopes
from support.expect import COST, DURATION, TOKENS, UNPRICED, money
from support.payloads import events, payload
from support.server import json_answer, sse_answer

QUEUED = payload("response_background_queued.json")
FINISHED = payload("response_simple.json", id="resp_bg", background=True)


@pytest.fixture(params=["official first", "ours first"])
def both(request, official, instrument):
    """Instruments with the two packages, in either order."""
    first, second = (official, instrument) if request.param == "official first" else (instrument, official)
    first()
    second()


def assert_fetched_once(telemetry, amount):
    """Of two looks at a finished response: one span each, theirs, without a cost; and one cost in the metrics."""
    fetched = [span for span in telemetry.spans() if span.name.startswith("fetch_response")]
    assert [span.instrumentation_scope.name for span in fetched] == [OFFICIAL, OFFICIAL]
    for span in fetched:
        assert not [name for name in span.attributes if "usage" in name or "cost" in name]
    assert len(telemetry.spans()) == 3
    assert OURS not in scopes(telemetry)
    _, point = telemetry.point(COST)
    assert (point.count, money(point.sum)) == (1, Decimal(amount))
    assert telemetry.point(UNPRICED)[1].value == 1
    assert telemetry.points(TOKENS) == []
    operations = [(labels["gen_ai.operation.name"], point.count) for labels, point in telemetry.points(DURATION)]
    assert sorted(operations) == [("chat", 1), ("fetch_response", 2)]


@pytest.mark.usefixtures("both")
def test_a_response_that_is_read_has_one_span_and_is_counted_once(server, client, telemetry):
    server.queue(json_answer(QUEUED), json_answer(FINISHED), json_answer(FINISHED))
    responses = client().responses
    responses.create(model="gpt-5.6-sol", input="x", background=True)
    responses.retrieve("resp_bg")
    responses.retrieve("resp_bg")
    assert_fetched_once(telemetry, "0.001884")


@pytest.mark.usefixtures("both")
async def test_a_response_that_is_read_asynchronously_is_the_same(server, async_client, telemetry):
    server.queue(json_answer(QUEUED), json_answer(FINISHED), json_answer(FINISHED))
    responses = async_client().responses
    await responses.create(model="gpt-5.6-sol", input="x", background=True)
    await responses.retrieve("resp_bg")
    await responses.retrieve("resp_bg")
    assert_fetched_once(telemetry, "0.001884")


@pytest.mark.usefixtures("both")
def test_a_stream_that_is_taken_up_again_is_the_same(server, client, telemetry):
    resumed = events("response_stream_background_queued.sse")[2:]
    server.queue(json_answer(QUEUED), sse_answer(resumed), sse_answer(resumed))
    responses = client().responses
    responses.create(model="gpt-5.6-sol", input="x", background=True)
    for _ in range(2):
        for _ in responses.retrieve("resp_bg", stream=True, starting_after=1):
            pass
    assert_fetched_once(telemetry, "0.0213664")
