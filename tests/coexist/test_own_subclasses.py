# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Wrappers of the user's own around ``request``: whatever they hold, every call is priced once."""

from decimal import Decimal

import openai
import pytest

from coexist.calls import OURS, SHAPES, ledger, queue, refused
from coexist.patched import changed, entries
from support.clients import AsyncReroutingTransport, ReroutingTransport, http
from support.expect import ask, assert_priced, chat, money, streamed
from support.server import json_answer, sse_answer

ORIGINAL = openai.OpenAI.request
"""The plain function, taken before anything is instrumented."""

ORIGINAL_ASYNC = openai.AsyncOpenAI.request

CALLS = [SHAPES[name] for name in ("chat", "chat_stream", "chat_raw", "embedding")]

every_call = pytest.mark.parametrize("shape", CALLS, ids=lambda shape: shape.name)


class Super(openai.OpenAI):
    def request(self, *args, **kwargs):
        return super().request(*args, **kwargs)


class Holder(openai.OpenAI):
    def request(self, *args, **kwargs):
        return ORIGINAL(self, *args, **kwargs)


class Stacked(Super):
    def request(self, *args, **kwargs):
        return super().request(*args, **kwargs)


class HolderBelowSuper(Holder):
    def request(self, *args, **kwargs):
        return super().request(*args, **kwargs)


class AsyncSuper(openai.AsyncOpenAI):
    async def request(self, *args, **kwargs):
        return await super().request(*args, **kwargs)


class AsyncHolder(openai.AsyncOpenAI):
    async def request(self, *args, **kwargs):
        return await ORIGINAL_ASYNC(self, *args, **kwargs)


class AsyncPassing(openai.AsyncOpenAI):
    """Hands the awaitable on without awaiting it."""

    def request(self, *args, **kwargs):
        return super().request(*args, **kwargs)


@pytest.fixture
def make(server):
    """Makes a client of a class of the user's."""
    made = []

    def make(kind, **options):
        http_client = http.Client(transport=ReroutingTransport(server.url))
        made.append(kind(api_key="k", max_retries=0, http_client=http_client, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
async def make_async(server):
    """Makes an asynchronous client of a class of the user's."""
    made = []

    def make(kind, **options):
        http_client = http.AsyncClient(transport=AsyncReroutingTransport(server.url))
        made.append(kind(api_key="k", max_retries=0, http_client=http_client, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


def assert_once(telemetry, shape):
    assert_priced(telemetry, shape.amount)
    seen = ledger(telemetry)
    assert (seen.ours, seen.theirs, seen.costs, seen.durations) == (1, 0, 1, 1)
    assert seen.tokens == {kind: (1, count) for kind, count in shape.tokens}
    assert telemetry.span().name == shape.span


@every_call
@pytest.mark.parametrize("kind", [Super, Holder, Stacked, HolderBelowSuper])
def test_a_subclass_that_overrides_request_is_priced_once(server, make, instrument, telemetry, kind, shape):
    instrument()
    queue(server, shape)
    shape.call(make(kind))
    assert_once(telemetry, shape)


@every_call
@pytest.mark.parametrize("kind", [AsyncSuper, AsyncHolder, AsyncPassing])
async def test_an_asynchronous_subclass_that_overrides_request_is_priced_once(
    server, make_async, instrument, telemetry, kind, shape
):
    instrument()
    queue(server, shape)
    await shape.call_async(make_async(kind))
    assert_once(telemetry, shape)


@pytest.mark.parametrize("kind", [Super, Holder])
def test_the_second_call_is_priced_once_like_the_first(server, make, instrument, telemetry, kind):
    instrument()
    queue(server, *[SHAPES["chat"]] * 3)
    one = make(kind)
    for _ in range(3):
        ask(one)
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.035"),) * 3
    assert (seen.ours, seen.costs, seen.durations, seen.unpriced) == (3, 3, 3, 0)


@pytest.mark.parametrize("kind", [Super, Holder])
def test_a_copy_with_other_options_is_priced_once(server, make, instrument, telemetry, kind):
    instrument()
    queue(server, SHAPES["chat"])
    ask(make(kind).with_options(timeout=5))
    assert_once(telemetry, SHAPES["chat"])


def test_a_subclass_that_is_made_while_instrumented_is_priced_once(server, make, instrument, telemetry):
    instrument()
    held = openai.OpenAI.request

    class Late(openai.OpenAI):
        def request(self, *args, **kwargs):
            return held(self, *args, **kwargs)

    queue(server, SHAPES["chat"])
    ask(make(Late))
    assert_once(telemetry, SHAPES["chat"])


def test_what_a_subclass_took_from_us_is_priced_once_after_we_came_back(server, make, instrument, telemetry):
    instrumentor = instrument()
    held = openai.OpenAI.request

    class Late(openai.OpenAI):
        def request(self, *args, **kwargs):
            return held(self, *args, **kwargs)

    one = make(Late)
    instrumentor.uninstrument()
    queue(server, SHAPES["chat"], SHAPES["chat"])
    ask(one)
    assert telemetry.spans() == ()
    instrument()
    ask(one)
    assert_once(telemetry, SHAPES["chat"])


def test_an_assigned_wrapper_that_took_its_function_from_us_is_priced_once_after_we_came_back(
    server, client, instrument, telemetry
):
    instrumentor = instrument()
    held = openai.OpenAI.request
    openai.OpenAI.request = held
    instrumentor.uninstrument()
    instrument()
    queue(server, SHAPES["chat"])
    ask(client())
    assert_once(telemetry, SHAPES["chat"])


@pytest.mark.parametrize("order", ["before us", "after us"])
def test_a_function_put_on_the_client_class_is_priced_once(server, client, instrument, telemetry, order):
    def theirs(self, *args, **kwargs):
        return ORIGINAL(self, *args, **kwargs)

    if order == "before us":
        openai.OpenAI.request = theirs
    instrumentor = instrument()
    if order == "after us":
        openai.OpenAI.request = theirs
    queue(server, SHAPES["chat"])
    ask(client())
    assert_once(telemetry, SHAPES["chat"])
    instrumentor.uninstrument()
    assert openai.OpenAI.__dict__["request"] is theirs


def test_an_override_that_asks_twice_is_two_calls(server, make, instrument, telemetry):
    class Twice(openai.OpenAI):
        def request(self, *args, **kwargs):
            super().request(*args, **kwargs)
            return super().request(*args, **kwargs)

    instrument()
    queue(server, SHAPES["chat"], SHAPES["chat"])
    ask(make(Twice))
    seen = ledger(telemetry)
    assert seen.amounts == (Decimal("0.035"),) * 2
    assert (seen.ours, seen.costs, seen.durations) == (2, 2, 2)


@pytest.mark.parametrize("held", [False, True], ids=["super", "holder"])
def test_an_override_that_asks_again_after_an_error_is_two_calls(server, make, instrument, telemetry, held):
    class Again(openai.OpenAI):
        def request(self, *args, **kwargs):
            call = ORIGINAL if held else openai.OpenAI.request
            try:
                return call(self, *args, **kwargs)
            except openai.RateLimitError:
                return call(self, *args, **kwargs)

    instrument()
    server.queue(refused(), json_answer(chat()))
    ask(make(Again))
    seen = ledger(telemetry)
    assert (seen.costs, seen.cost) == (1, Decimal("0.035"))
    assert seen.amounts == (Decimal("0.035"),)
    if not held:
        # Through the held function, a failed attempt passes no door of ours.
        assert (seen.ours, seen.durations, seen.unpriced) == (2, 2, 1)


def test_an_override_that_makes_another_call_inside_prices_both(server, make, instrument, telemetry):
    class Guarded(openai.OpenAI):
        def request(self, cast_to, options, **kwargs):
            if options.url == "/chat/completions":
                SHAPES["embedding"].call(self)
            return super().request(cast_to, options, **kwargs)

    instrument()
    queue(server, SHAPES["embedding"], SHAPES["chat"])
    ask(make(Guarded))
    assert ledger(telemetry).amounts == (Decimal("0.00002"), Decimal("0.035"))
    assert ledger(telemetry).durations == 2


def test_an_override_that_answers_by_itself_costs_nothing(make, instrument, telemetry):
    answer = openai.types.chat.ChatCompletion.construct(**chat())

    class Cached(openai.OpenAI):
        def request(self, *args, **kwargs):
            return answer

    instrument()
    assert ask(make(Cached)) is answer
    assert telemetry.spans() == ()
    assert ledger(telemetry).costs == 0


@pytest.mark.parametrize("kind", [Super, Holder])
def test_the_current_span_gets_the_cost_of_an_overridden_request(server, make, instrument, telemetry, kind):
    instrument(spans="current")
    server.queue(json_answer(chat()), sse_answer(streamed()))
    one = make(kind)
    with telemetry.tracer_provider.get_tracer("mine").start_as_current_span("outer"):
        ask(one)
        list(ask(one, stream=True))
    assert money(telemetry.attributes()["gen_ai.usage.cost.amount"]) == Decimal("0.07")
    assert ledger(telemetry).costs == 2


@pytest.mark.parametrize("kind", [Super, Holder, Stacked])
def test_removal_leaves_the_user_s_methods_as_they_were(server, make, instrument, telemetry, kind):
    before, method = entries(), kind.__dict__["request"]
    instrumentor = instrument()
    one = make(kind)
    queue(server, SHAPES["chat"], SHAPES["chat"])
    ask(one)
    instrumentor.uninstrument()
    assert kind.__dict__["request"] is method
    assert changed(before) == []
    ask(one)
    assert [span.instrumentation_scope.name for span in telemetry.spans()] == [OURS]
    assert ledger(telemetry).costs == 1
