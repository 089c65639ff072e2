# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Assistants: runs of a thread, which may wait for the output of a function, and tell their usage when they end."""

from __future__ import annotations

import json
import re
import time

from .jobs import found, identifier
from .provider import Job, LedgerEntry, Provider, say, tokens
from .wire import JsonObject, Reply, Request, dig, event, members, new_id, objects, string

_MODEL = "gpt-4o"
_PROMPT = "What is said in the thread, which this server does not keep."


def thread_and_run(request: Request, provider: Provider) -> Reply:
    """``POST /v1/threads/runs``."""
    return _run(f"thread_{new_id()}", request.json(), provider)


def run(request: Request, provider: Provider) -> Reply:
    """``POST /v1/threads/{id}/runs``."""
    return _run(re.findall(r"/threads/(\w+)/", request.path)[0], request.json(), provider)


def tool_outputs(request: Request, provider: Provider) -> Reply:
    """``POST /v1/threads/{id}/runs/{id}/submit_tool_outputs``: the run goes on, and ends."""
    document = provider.look(identifier(request))
    if document is None:
        return found(None)
    if request.json().get("stream") is not True:
        return Reply({**document, "status": "in_progress", "usage": None})
    return Reply(events=_events("in_progress", document))


def _run(thread: str, body: JsonObject, provider: Provider) -> Reply:
    """A run is in progress at the first look and ends at the second, or waits for a function that it was offered."""
    now, said = int(time.time()), say(_PROMPT, None)
    usage: JsonObject = {"prompt_tokens": tokens(_PROMPT), "completion_tokens": tokens(said)}
    usage["total_tokens"] = tokens(_PROMPT) + tokens(said)
    queued: JsonObject = {
        "id": f"run_{new_id()}",
        "object": "thread.run",
        "created_at": now,
        "assistant_id": body.get("assistant_id"),
        "thread_id": thread,
        "status": "queued",
        "required_action": None,
        "last_error": None,
        "model": string(body.get("model")) or _MODEL,
        "instructions": "",
        "tools": body.get("tools") or [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "response_format": "auto",
        "metadata": {},
        "usage": None,
    }
    done: JsonObject = {**queued, "status": "completed", "completed_at": now, "usage": usage}
    cancelled: JsonObject = {**done, "status": "cancelled", "completed_at": None, "cancelled_at": now}
    functions = [members(tool["function"]) for tool in objects(body.get("tools")) if tool.get("type") == "function"]
    is_streamed = body.get("stream") is True
    entry = LedgerEntry("/threads/runs", string(queued["model"]), None, usage, later=not is_streamed)
    waiting = _waiting(queued, functions)
    states = [done] if is_streamed else [waiting or {**queued, "status": "in_progress"}, done]
    provider.keep(Job(states, entry, (cancelled, entry)))
    if not is_streamed:
        return Reply(queued)
    if waiting is not None:
        return Reply(events=_events("created", queued, waiting))
    provider.look(string(done["id"]))
    return Reply(events=_events("created", queued, done))


def _waiting(queued: JsonObject, functions: list[JsonObject]) -> JsonObject | None:
    """The run as it waits for the output of all the functions; None if there are none."""
    if not functions:
        return None
    calls: list[JsonObject] = [
        {
            "id": f"call_{new_id()}",
            "type": "function",
            "function": {"name": function["name"], "arguments": json.dumps({"about": "brakes"})},
        }
        for function in functions
    ]
    action: JsonObject = {"type": "submit_tool_outputs", "submit_tool_outputs": {"tool_calls": calls}}
    return {**queued, "status": "requires_action", "required_action": action}


def _events(opening: str, *states: JsonObject) -> tuple[str, ...]:
    """A stream: how it opens, the steps of a run that ends, how it is left, and the mark of the end."""
    first, last = {**states[0], "usage": None}, states[-1]
    if opening == "in_progress":
        first["status"] = opening
    events = [event(first, name=f"thread.run.{opening}")]
    if last["status"] == "completed":
        # The steps have usage as well, which is part of the run's.
        step: JsonObject = {
            "id": f"step_{new_id()}",
            "object": "thread.run.step",
            "run_id": last["id"],
            "thread_id": last["thread_id"],
            "assistant_id": last["assistant_id"],
            "created_at": last["created_at"],
            "type": "message_creation",
            "status": "completed",
            "step_details": {"type": "message_creation", "message_creation": {"message_id": f"msg_{new_id()}"}},
            "usage": last["usage"],
        }
        events.append(event(step, name="thread.run.step.completed"))
    kind = string(dig(last, "status"))
    return (*events, event(last, name=f"thread.run.{kind}"), "event: done\ndata: [DONE]\n\n")
