# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Arguments: lent to the client, and afterwards as they were; what is in them goes over the wire unchanged."""

from collections import OrderedDict
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from openai._types import NOT_GIVEN, Omit

from promises.bench import Bench, Situations
from support.expect import ask, chat, response, streamed
from support.server import json_answer, sse_answer

given = Situations()


def _messages() -> Iterator[dict[str, str]]:
    yield {"role": "system", "content": "Be brief."}
    yield {"role": "user", "content": "Hello"}


def _tools() -> Iterator[dict[str, Any]]:
    yield {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


@given(json_answer(chat()))
def messages_from_a_generator(bench: Bench) -> Any:
    return ask(bench.client(), messages=bench.lend(_messages()))


@given(json_answer(chat()))
async def messages_and_tools_from_generators(bench: Bench) -> Any:
    return await ask(bench.async_client(), messages=bench.lend(_messages()), tools=bench.lend(_tools()))


@given(json_answer(response()), since=(1, 66))
def tools_of_a_response_from_a_generator(bench: Bench) -> Any:
    return bench.client().responses.create(model="gpt-5.5", input="Hello", tools=bench.lend(_tools()))


@given(json_answer(chat()))
def messages_in_a_tuple_of_ordered_dictionaries(bench: Bench) -> Any:
    message = OrderedDict(content="Hello", role="user")
    return ask(bench.client(), messages=bench.lend((message,)))


@given(json_answer(chat()))
def extra_headers_query_and_body(bench: Bench) -> Any:
    return ask(
        bench.client(),
        extra_headers=bench.lend({"X-Mine": "1", "OpenAI-Organization": Omit()}),
        extra_query=bench.lend({"a": "1"}),
        extra_body=bench.lend({"mine": {"b": [1]}, "temperature": 0.25}),
        temperature=0.75,
    )


@given(sse_answer(streamed()))
def stream_options_of_the_caller(bench: Bench) -> Any:
    options = bench.lend({"include_usage": False})
    return [bench.see(chunk) for chunk in ask(bench.client(), stream=True, stream_options=options)]


@given(json_answer(chat()))
def arguments_that_are_not_given(bench: Bench) -> Any:
    return ask(bench.client(), temperature=NOT_GIVEN, stop=None, tools=NOT_GIVEN)


@given(json_answer(chat()))
def a_mapping_that_cannot_be_changed(bench: Bench) -> Any:
    return ask(bench.client(), metadata=bench.lend(dict(MappingProxyType({"a": "b"}))), stop=bench.lend(["x", "y"]))


@given()
def an_argument_that_is_missing(bench: Bench) -> Any:
    return bench.client().chat.completions.create(model="gpt-5.5")  # type: ignore[call-overload]  # that is the point


@given()
def an_argument_that_is_no_json(bench: Bench) -> Any:
    return ask(bench.client(), messages=bench.lend([{"role": "user", "content": object}]))


@given()
def a_generator_that_raises(bench: Bench) -> Any:
    def messages() -> Iterator[dict[str, str]]:
        yield {"role": "user", "content": "Hello"}
        raise LookupError("no more")

    return ask(bench.client(), messages=messages())


@given(json_answer(chat()))
def a_timeout_and_an_idempotency_key_of_one_call(bench: Bench) -> Any:
    return ask(bench.client(), timeout=5.0, extra_headers={"Idempotency-Key": "mine"})


@given(json_answer(chat()))
def a_model_that_is_no_name(bench: Bench) -> Any:
    return ask(bench.client(), model=7)


@given(json_answer(chat()), json_answer(chat()))
def numbers_beyond_all_bounds(bench: Bench) -> Any:
    ask(bench.client(), temperature=10**400, seed=2**80, max_tokens=-(2**70), n=10**30)
    return ask(bench.client(), temperature=True, seed="7", stop=[1, None], n=None)
