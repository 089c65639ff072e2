# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The Responses API: reasoning, structured output, hosted tools, earlier turns, streams, background, compaction."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator

from .jobs import found, identifier
from .provider import (
    Job,
    LedgerEntry,
    Provider,
    media_tokens,
    reasoning_tokens,
    say,
    serving_tier,
    snapshot,
    tokens,
)
from .wire import (
    BadRequest,
    JsonObject,
    Reply,
    Request,
    dig,
    event,
    integer,
    members,
    new_id,
    objects,
    pieces,
    required,
    required_model,
    string,
    text_of,
)

_FOUND = {"web_search": 600, "file_search": 400}
"""Tokens that one use of a tool adds to the input: what it found."""

_NO_IMAGES: JsonObject = {
    "input_tokens": 0,
    "input_tokens_details": {"text_tokens": 0, "image_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"text_tokens": 0, "image_tokens": 0},
    "total_tokens": 0,
}


def response(request: Request, provider: Provider) -> Reply:
    """``POST /v1/responses``."""
    body = request.json()
    done = made(body, provider)
    if body.get("background") is True:
        begun = _begun(done)
        provider.keep(Job([{**begun, "status": "in_progress"}, done], _entry(done, later=True), _cancelled(done)))
        if body.get("stream") is not True:
            return Reply(begun)
    else:
        provider.report(_entry(done))
    return _streamed(done) if body.get("stream") is True else Reply(done)


def stored_response(request: Request, provider: Provider) -> Reply:
    """``GET /v1/responses/{id}``: how far it is by now, or the rest of its events, up to the last one."""
    document = provider.look(identifier(request))
    if request.query.get("stream") != "true":
        return found(document)
    while document is not None and document["status"] == "in_progress":
        document = provider.look(identifier(request))
    if document is None:
        return found(None)
    return _streamed(document, after=int(request.query.get("starting_after", "-1")))


class ResponsesSocket:
    """``/v1/responses`` as a websocket: every ``response.create`` is answered with the events of a stream."""

    def __init__(self, request: Request, provider: Provider) -> None:
        self._provider = provider

    def opening(self) -> Iterator[JsonObject]:
        """Nothing: the client speaks first."""
        return iter(())

    def hear(self, event: JsonObject) -> Iterator[JsonObject]:
        """Answers one event of the client."""
        if event.get("type") == "response.create":
            try:
                done = made(event, self._provider)
            except BadRequest as problem:
                wrong = {"type": "invalid_request_error", "message": str(problem), "param": problem.param}
                yield {"type": "error", "status": 400, "error": wrong}
                return
            self._provider.report(_entry(done))
            yield from _events(done)


def made(body: JsonObject, provider: Provider) -> JsonObject:
    """The finished response to a request."""
    model = required_model(body)
    required(body, "input")
    turns = _turns(body, provider)
    text = "\n".join(filter(None, (string(body.get("instructions")), turns)))

    output, uses = _hosted_tools({string(tool.get("type")) for tool in objects(body.get("tools"))})
    said = say(text, dig(body, "text", "format", "schema"))
    reasoning = reasoning_tokens(model, dig(body, "reasoning", "effort"))
    if reasoning:
        output.insert(0, {"id": f"rs_{new_id()}", "type": "reasoning", "summary": []})
    output.append(_message(said))

    images, _ = media_tokens(objects(body["input"]))
    looked_up = sum(count * _FOUND.get(tool, 0) for tool, count in uses.items())
    cached, written = provider.cache(model, text, body.get("prompt_cache_options"))
    lasting = dig(body, "prompt_cache_options", "ttl") == "12h"
    input_details: JsonObject = {"cached_tokens": cached, "cache_write_tokens": written or 0}
    if written:
        input_details["cache_write_tokens_details"] = {
            "ttl_30m_tokens": 0 if lasting else written,
            "ttl_12h_tokens": written if lasting else 0,
        }
    usage = _usage(tokens(text) + 4 + images + looked_up, tokens(said) + reasoning, reasoning, input_details)
    now = int(time.time())
    done: JsonObject = {
        "id": f"resp_{new_id()}",
        "object": "response",
        "created_at": now,
        "completed_at": now,
        "status": "completed",
        "background": body.get("background") is True,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": snapshot(model),
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": body.get("previous_response_id"),
        "prompt_cache_options": {"mode": "implicit", "ttl": "12h" if lasting else "30m"},
        "reasoning": {"effort": dig(body, "reasoning", "effort"), "summary": None},
        "service_tier": serving_tier(body),
        "store": True,
        "temperature": 1.0,
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": body.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage,
        "tool_usage": {"image_gen": _NO_IMAGES, "web_search": {"num_requests": uses.get("web_search", 0)}},
        "user": None,
        "metadata": {},
    }
    provider.remember(string(done["id"]), f"{turns}\n{said}")
    return done


def compacted_response(request: Request, provider: Provider) -> Reply:
    """``POST /v1/responses/compact``: a long conversation made short. The answer names no model."""
    body = request.json()
    model = required_model(body)
    text = _turns(body, provider)
    sealed = base64.b64encode(text[: len(text) // 8].encode()).decode()
    details: JsonObject = {"cached_tokens": 0, "cache_write_tokens": 0}
    usage = _usage(tokens(text) + 4, tokens(sealed), 0, details)
    provider.report(LedgerEntry("/responses/compact", model, None, usage))
    return Reply(
        {
            "id": f"resp_{new_id()}",
            "object": "response.compaction",
            "created_at": int(time.time()),
            "output": [{"id": f"cmp_{new_id()}", "type": "compaction", "encrypted_content": sealed}],
            "usage": usage,
        }
    )


def _begun(done: JsonObject) -> JsonObject:
    """A response of which nothing is made yet."""
    begun: JsonObject = {**done, "status": "queued", "completed_at": None, "output": [], "usage": None}
    del begun["tool_usage"]
    return begun


def _cancelled(done: JsonObject) -> tuple[JsonObject, LedgerEntry]:
    """A response that was cancelled when its output was about to be written: the input is billed."""
    counts = members(done["usage"])
    usage = {**counts, **_usage(integer(counts["input_tokens"]), 0, 0, members(counts["input_tokens_details"]))}
    cancelled: JsonObject = {**done, "status": "cancelled", "completed_at": None, "output": [], "usage": usage}
    return cancelled, _entry(cancelled, later=True)


def _entry(done: JsonObject, *, later: bool = False) -> LedgerEntry:
    kinds = [string(item.get("type")) for item in objects(done["output"])]
    billed = {
        "web_search": integer(dig(done, "tool_usage", "web_search", "num_requests")),
        "file_search": kinds.count("file_search_call"),
        "code_interpreter": kinds.count("code_interpreter_call"),
    }
    return LedgerEntry(
        "/responses",
        string(done["model"]),
        string(done["service_tier"]),
        members(done["usage"]),
        {tool: uses for tool, uses in billed.items() if uses},
        later=later,
    )


def _turns(body: JsonObject, provider: Provider) -> str:
    """The text of the conversation so far, without instructions: those hold for one response only."""
    asked = body.get("input")
    earlier = provider.recall(string(body.get("previous_response_id")))
    turns = [earlier, string(asked), *(text_of(item.get("content")) for item in objects(asked))]
    return "\n".join(filter(None, turns))


def _usage(input_tokens: int, output_tokens: int, reasoning: int, input_details: JsonObject) -> JsonObject:
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": input_details,
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }


def _message(said: str) -> JsonObject:
    return {
        "id": f"msg_{new_id()}",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": said, "annotations": [], "logprobs": []}],
    }


def _hosted_tools(offered: set[str]) -> tuple[list[JsonObject], dict[str, int]]:
    """Output items of the hosted tools on offer, each of them used, and how many of the uses are billed."""
    output: list[JsonObject] = []
    uses: dict[str, int] = {}

    def use(kind: str, prefix: str, **fields: object) -> None:
        output.append({"id": f"{prefix}_{new_id()}", "type": kind, "status": "completed", **fields})

    if offered & {"web_search", "web_search_preview"}:
        for query in ("brake recall", "brake recall 2026"):
            use("web_search_call", "ws", action={"type": "search", "query": query, "queries": [query]})
        # Opening a page that was found is free of charge.
        use("web_search_call", "ws", action={"type": "open_page", "url": "https://example.com/recalls"})
        uses["web_search"] = 2
    if "file_search" in offered:
        use("file_search_call", "fs", queries=["brake recall"], results=None)
        uses["file_search"] = 1
    if "code_interpreter" in offered:
        logs = [{"type": "logs", "logs": "42\n"}]
        use("code_interpreter_call", "ci", container_id=f"cntr_{new_id()}", code="print(6 * 7)", outputs=logs)
        uses["code_interpreter"] = 1
    return output, uses


def _streamed(done: JsonObject, after: int = -1) -> Reply:
    """The events of a response, those that came before left out."""
    events = [data for data in _events(done) if integer(data["sequence_number"]) > after]
    return Reply(events=tuple(event(data, name=string(data["type"])) for data in events))


def _events(done: JsonObject) -> Iterator[JsonObject]:
    """A response as a stream: numbered events, the last of which has the usage."""
    number = 0

    def numbered(kind: str, **fields: object) -> JsonObject:
        nonlocal number
        number += 1
        return {"type": kind, "sequence_number": number - 1, **fields}

    begun: JsonObject = {**_begun(done), "status": "in_progress"}
    yield numbered("response.created", response=begun)
    yield numbered("response.in_progress", response=begun)
    for index, item in enumerate(objects(done["output"])):
        if item["type"] != "message":
            yield numbered("response.output_item.added", output_index=index, item=item)
            yield numbered("response.output_item.done", output_index=index, item=item)
            continue
        part = objects(item["content"])[0]
        place: JsonObject = {"item_id": item["id"], "output_index": index, "content_index": 0}
        empty: JsonObject = {**item, "status": "in_progress", "content": []}
        yield numbered("response.output_item.added", output_index=index, item=empty)
        yield numbered("response.content_part.added", **place, part={**part, "text": ""})
        for delta in pieces(string(part["text"])):
            yield numbered("response.output_text.delta", **place, delta=delta, logprobs=[])
        yield numbered("response.output_text.done", **place, text=part["text"], logprobs=[])
        yield numbered("response.content_part.done", **place, part=part)
        yield numbered("response.output_item.done", output_index=index, item=item)
    yield numbered(f"response.{done['status']}", response=done)
