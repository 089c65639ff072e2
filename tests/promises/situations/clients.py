# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Clients of every make, and calls past their resources."""

from typing import Any

import openai

from promises.bench import Bench, Situations
from support.clients import AsyncReroutingTransport, ReroutingTransport, http, make_azure_client
from support.expect import MESSAGES, ask, chat, streamed
from support.server import json_answer, sse_answer

given = Situations()

BODY: dict[str, Any] = {"model": "gpt-5.5", "messages": MESSAGES}


class _Mine(openai.OpenAI):
    """A client of the application, which looks at every request and every response."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        self.before = True
        return super().request(*args, **kwargs)

    def _prepare_request(self, request: Any) -> None:
        request.headers["x-mine"] = "1"


@given(json_answer(chat()))
def a_client_of_a_subclass(bench: Bench) -> Any:
    transport = ReroutingTransport(bench.server.url)
    with _Mine(api_key="k", http_client=http.Client(transport=transport)) as client:
        return bench.see(ask(client)), client.before


@given(json_answer(chat()))
def an_azure_client(bench: Bench) -> Any:
    with make_azure_client(bench.server.url) as client:
        return ask(client, model="my-deployment")


@given(json_answer(chat()))
def a_client_with_hooks_around_its_requests(bench: Bench) -> Any:
    hooks = {
        "request": [lambda request: bench.see_inside(sorted(request.headers))],
        "response": [lambda response: bench.see_inside(response.status_code)],
    }
    transport = ReroutingTransport(bench.server.url)
    with openai.OpenAI(api_key="k", http_client=http.Client(transport=transport, event_hooks=hooks)) as client:
        return ask(client)


@given(sse_answer(streamed()))
async def an_asynchronous_client_with_hooks_around_its_requests(bench: Bench) -> Any:
    async def look(response: Any) -> None:
        bench.see_inside([response.status_code, response.is_closed])

    transport = AsyncReroutingTransport(bench.server.url)
    http_client = http.AsyncClient(transport=transport, event_hooks={"response": [look]})
    async with openai.AsyncOpenAI(api_key="k", http_client=http_client) as client:
        return [bench.see(chunk) async for chunk in await ask(client, stream=True)]


@given(json_answer(chat()), json_answer(chat()))
def clients_made_from_a_client(bench: Bench) -> Any:
    client = bench.client()
    bench.see(ask(client.with_options(timeout=7.0, default_headers={"x-mine": "1"})))
    return ask(client.copy(organization="org-1", project="proj-1"))


@given(json_answer(chat()))
def a_call_past_the_resources(bench: Bench) -> Any:
    return bench.client().post("/chat/completions", body=BODY, cast_to=openai.types.chat.ChatCompletion)


@given(json_answer(chat()), json_answer(chat()), json_answer(chat()))
def calls_past_the_resources_for_other_classes(bench: Bench) -> Any:
    client = bench.client()
    bench.see(client.post("/chat/completions", body=BODY, cast_to=http.Response))
    bench.see(client.post("/chat/completions", body=BODY, cast_to=object))
    return client.post("/chat/completions", body=BODY, cast_to=str)


@given(json_answer({"object": "list", "data": [{"id": "gpt-5.5", "object": "model"}]}))
def a_list_that_costs_nothing(bench: Bench) -> Any:
    return [bench.see(model) for model in bench.client().models.list()]


@given(json_answer(chat()))
def the_client_of_the_module(bench: Bench) -> Any:
    kept = openai.api_key, openai.base_url, openai.http_client
    openai.api_key, openai.base_url = "k", "https://api.openai.com/v1"
    openai.http_client = http.Client(transport=ReroutingTransport(bench.server.url))
    try:
        return openai.chat.completions.create(**BODY)
    finally:
        openai.http_client.close()
        openai.api_key, openai.base_url, openai.http_client = kept
        reset = getattr(openai, "_reset_client", None)
        if reset is not None:
            reset()


@given(json_answer(chat()))
def a_url_with_credentials_and_a_query(bench: Bench) -> Any:
    return ask(bench.client(base_url="https://user:secret@api.openai.com/v1?key=secret"))


@given(json_answer(chat()), json_answer(chat()))
def accessors_that_are_kept(bench: Bench) -> Any:
    client = bench.client()
    create, raw = client.chat.completions.create, client.chat.completions.with_raw_response.create
    bench.see([create.__name__, raw.__name__])
    bench.see(create(**BODY))
    return raw(**BODY)
