# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Answers that the client parses: what comes back must be the client's own object, to the last field."""

import copy
import pickle
from typing import Any

import pydantic

from promises.bench import Bench, Situations
from support.expect import MESSAGES, ask, chat, response
from support.payloads import payload
from support.server import json_answer

given = Situations()

WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}


class City(pydantic.BaseModel):
    """What an application wants to have parsed."""

    city: str


def _answer_with(content: str, **changes: Any) -> Any:
    body = chat(**changes)
    body["choices"][0]["message"]["content"] = content
    return json_answer(body)


@given(json_answer(payload("chat_completion.json"), headers={"x-request-id": "req_1"}))
def a_chat_completion(bench: Bench) -> Any:
    return ask(bench.client())


@given(json_answer(payload("chat_completion.json"), headers={"x-request-id": "req_1"}))
async def an_asynchronous_chat_completion(bench: Bench) -> Any:
    return await ask(bench.async_client())


@given(json_answer(payload("chat_completion_n2_tools.json")))
def choices_with_tool_calls(bench: Bench) -> Any:
    return ask(bench.client(), n=2, tools=[WEATHER], tool_choice="auto")


@given(json_answer(payload("chat_completion_web_search.json")))
def a_chat_completion_with_a_search(bench: Bench) -> Any:
    return ask(bench.client(), web_search_options={})


@given(json_answer(payload("chat_completion_minimal_usage.json", usage=None)))
def an_answer_whose_usage_is_null(bench: Bench) -> Any:
    return ask(bench.client())


@given(json_answer({key: value for key, value in chat().items() if key != "usage"}))
def an_answer_without_usage(bench: Bench) -> Any:
    return ask(bench.client())


@given(json_answer(chat(model="a-model-nobody-knows", unheard_of={"a": [1, None]})))
def an_answer_with_fields_of_tomorrow(bench: Bench) -> Any:
    answer = ask(bench.client())
    return bench.see(answer.unheard_of), answer


@given(json_answer(chat(), gzip=True))
def a_compressed_answer(bench: Bench) -> Any:
    return ask(bench.client())


@given(_answer_with('{"city": "Paris"}'), since=(1, 92))
def an_answer_parsed_into_a_class(bench: Bench) -> Any:
    parsed = bench.client().chat.completions.parse(model="gpt-5.5", messages=MESSAGES, response_format=City)
    return bench.see(parsed.choices[0].message.parsed), parsed


@given(_answer_with('{"town": "Paris"}'), since=(1, 92))
def an_answer_that_does_not_fit_its_class(bench: Bench) -> Any:
    return bench.client().chat.completions.parse(model="gpt-5.5", messages=MESSAGES, response_format=City)


@given(
    json_answer(
        chat(choices=[{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": ""}}])
    ),
    since=(1, 92),
)
def an_answer_too_long_to_be_parsed(bench: Bench) -> Any:
    return bench.client().chat.completions.parse(model="gpt-5.5", messages=MESSAGES, response_format=City)


@given(json_answer(response()), since=(1, 66))
def a_response(bench: Bench) -> Any:
    answer = bench.client().responses.create(model="gpt-5.5", input="Hello")
    return bench.see(answer.output_text), answer


@given(json_answer(response()), since=(1, 66))
async def an_asynchronous_response(bench: Bench) -> Any:
    return await bench.async_client().responses.create(model="gpt-5.5", input="Hello")


@given(json_answer(payload("response_tools.json")), since=(1, 66))
def a_response_that_used_hosted_tools(bench: Bench) -> Any:
    return bench.client().responses.create(model="gpt-5.5", input="Hello", tools=[{"type": "web_search"}])


@given(json_answer(payload("response_incomplete.json")), since=(1, 66))
def a_response_that_is_incomplete(bench: Bench) -> Any:
    return bench.client().responses.create(model="gpt-5.5", input="Hello")


@given(json_answer(payload("response_failed.json")), since=(1, 66))
def a_response_that_failed(bench: Bench) -> Any:
    return bench.client().responses.create(model="gpt-5.5", input="Hello")


@given(json_answer(response()), since=(1, 66))
def a_response_parsed_without_a_class(bench: Bench) -> Any:
    return bench.client().responses.parse(model="gpt-5.5", input="Hello")


@given(json_answer(payload("embeddings.json")))
def embeddings(bench: Bench) -> Any:
    return bench.client().embeddings.create(model="text-embedding-3-small", input="Hello", encoding_format="float")


@given(json_answer(payload("embeddings_base64.json")))
def embeddings_that_the_client_decodes(bench: Bench) -> Any:
    return bench.client().embeddings.create(model="text-embedding-3-small", input=["Hello"])


@given(json_answer(payload("completion_legacy.json")))
async def an_asynchronous_completion(bench: Bench) -> Any:
    return await bench.async_client().completions.create(model="gpt-3.5-turbo-instruct", prompt="Hello")


@given(json_answer(payload("chat_completion.json")))
def an_answer_that_is_copied_and_pickled(bench: Bench) -> Any:
    answer = ask(bench.client())
    bench.see(copy.deepcopy(answer))
    bench.see(pickle.loads(pickle.dumps(answer)))
    return answer.model_dump_json()
