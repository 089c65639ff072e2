# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Coming and going a thousand times, between calls and in the midst of them, changes nothing and leaves nothing."""

import gc
import logging
from collections import Counter
from decimal import Decimal

import pytest
from openai import _base_client

pytest.register_assert_rewrite("promises.crowd")

import opentelemetry.instrumentation.openai_cost as package  # noqa: E402
from promises.crowd import (  # noqa: E402
    Account,
    arguments,
    assert_answered,
    bill,
    collect,
    make_async_client,
    make_client,
    method_of,
    text_in,
    text_of,
)
from support.expect import COST, ask, streamed  # noqa: E402
from support.server import Cut, sse_answer  # noqa: E402

TIMES = 1000
CHAT, STREAM = 0, 1

DOORS = [
    (client, name)
    for client in (_base_client.SyncAPIClient, _base_client.AsyncAPIClient)
    for name in ("request", "_process_response")
]


def doors():
    return [client.__dict__.get(name) for client, name in DOORS]


def of_ours():
    """How many objects of our classes there are, by class."""
    collect()
    return Counter(
        type(one).__name__ for one in gc.get_objects() if str(type(one).__module__).startswith(package.__name__)
    )


def call(client, number):
    path, asked = arguments(number)
    return method_of(client, path)(**asked)


def test_a_thousand_times_with_a_call_each_time_and_one_in_between(instrument, recorded, caplog):
    before = doors()
    with make_client(Account()) as client, caplog.at_level(logging.WARNING):
        for _ in range(TIMES):
            instrumentor = instrument(**recorded.options)
            assert_answered(CHAT, call(client, CHAT))
            instrumentor.uninstrument()
            assert doors() == before
        assert_answered(CHAT, call(client, CHAT))
    spans = recorded.spans()
    assert {Decimal(repr(span.amount)) for span in spans} == {bill(CHAT)}
    assert len(spans) == recorded.histogram(COST)[0] == TIMES
    assert caplog.records == []


def test_streams_open_across_a_thousand_comings_and_goings_are_recorded_where_they_began(instrument, recorded):
    before = doors()
    with make_client(Account()) as client:
        for time in range(TIMES // 4):
            while_off = call(client, STREAM)
            instrumentor = instrument(**recorded.options)
            first = next(while_off)
            while_on = call(client, STREAM)
            assert text_in([first, *while_off]) == text_of(STREAM)
            first = next(while_on)
            instrumentor.uninstrument()
            assert doors() == before
            second = next(while_on)
            if time % 2:
                instrument(**recorded.options).uninstrument()
            assert text_in([first, second, *while_on]) == text_of(STREAM)
    spans = recorded.spans()
    assert Counter(Decimal(repr(span.amount)) for span in spans) == {bill(STREAM): TIMES // 4}
    assert recorded.histogram(COST)[0] == TIMES // 4


async def test_asynchronous_streams_too(instrument, recorded):
    async with make_async_client(Account()) as client:
        for _ in range(TIMES // 10):
            while_off = await call(client, STREAM)
            instrumentor = instrument(**recorded.options)
            first = await anext(while_off)
            while_on = await call(client, STREAM)
            assert text_in([first] + [one async for one in while_off]) == text_of(STREAM)
            first = await anext(while_on)
            instrumentor.uninstrument()
            assert text_in([first] + [one async for one in while_on]) == text_of(STREAM)
    assert Counter(Decimal(repr(span.amount)) for span in recorded.spans()) == {bill(STREAM): TIMES // 10}


def test_after_a_thousand_times_there_is_as_much_of_us_as_after_ten(instrument, recorded):
    def come_and_go(times):
        for _ in range(times):
            instrument(**recorded.options).uninstrument()

    with make_client(Account()) as client:
        instrument(**recorded.options)
        call(client, CHAT)
        come_and_go(10)
        early = of_ours()
        come_and_go(TIMES)
        assert of_ours() == early
        instrumentor = instrument(**recorded.options)
        assert_answered(CHAT, call(client, CHAT))
        instrumentor.uninstrument()
    assert len(recorded.spans()) == 2


def test_a_call_that_is_in_flight_when_we_go_ends_its_span_at_the_error_too(server, client, instrument, recorded):

    for _ in range(20):
        instrumentor = instrument(**recorded.options)
        server.queue(sse_answer([*streamed()[:2], Cut()]))
        stream = ask(client(), stream=True)
        next(stream)
        instrumentor.uninstrument()
        with pytest.raises(Exception, match=r"(?i)incomplete|peer|closed|connection"):
            list(stream)
    assert Counter(span.reason for span in recorded.spans()) == {"error": 20}
    assert recorded.unpriced() == {"error": 20}
