# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Jobs: what is started by one request, read by others, and billed when it is finished."""

from __future__ import annotations

import time

from .provider import LedgerEntry, Provider, snapshot
from .wire import JsonObject, Reply, Request, error, new_id, required

_MODEL = "gpt-6-luna"
_LINES = 200
_TOKENS_IN, _TOKENS_OUT = 300, 40
"""Of each line. The file is not looked at: what a batch used follows from its number of lines alone."""


def batch(request: Request, provider: Provider) -> Reply:
    """``POST /v1/batches``: finished as soon as somebody looks."""
    body = request.json()
    required(body, "input_file_id")
    tokens_in, tokens_out = _LINES * _TOKENS_IN, _LINES * _TOKENS_OUT
    now = int(time.time())
    begun: JsonObject = {
        "id": f"batch_{new_id()}",
        "object": "batch",
        "endpoint": body.get("endpoint"),
        "model": snapshot(_MODEL),
        "input_file_id": body.get("input_file_id"),
        "completion_window": body.get("completion_window"),
        "status": "validating",
        "created_at": now,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "usage": _usage(0, 0),
        "metadata": None,
    }
    done: JsonObject = {
        **begun,
        "status": "completed",
        "completed_at": now,
        "output_file_id": f"file-{new_id()}",
        "request_counts": {"total": _LINES, "completed": _LINES, "failed": 0},
        "usage": _usage(tokens_in, tokens_out),
    }
    provider.report(LedgerEntry("/batches", snapshot(_MODEL), None, _usage(tokens_in, tokens_out), later=True))
    provider.keep([done])
    return Reply(begun)


def look(request: Request, provider: Provider) -> Reply:
    """``GET`` of a job by its id: its next state, and again and again the last one."""
    document = provider.look(request.path.rstrip("/").rpartition("/")[2])
    if document is None:
        return error(404, "invalid_request_error", "There is nothing of that id.")
    return Reply(document)


def _usage(tokens_in: int, tokens_out: int) -> JsonObject:
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens_in + tokens_out,
    }
