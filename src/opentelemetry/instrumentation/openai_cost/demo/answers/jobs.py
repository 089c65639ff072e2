# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Jobs: what is started by one request, read by others, and billed when it is finished: batches and fine-tuning here."""

from __future__ import annotations

import re
import time

from .provider import Job, LedgerEntry, Provider, snapshot
from .wire import JsonObject, Reply, Request, error, new_id, required, required_model

_MODEL = "gpt-6-luna"
_LINES = 200
_TOKENS_IN, _TOKENS_OUT = 300, 40
"""Of each line. The file is not looked at: what a batch used follows from its number of lines alone."""
_TRAINED_TOKENS = 5_768


def look(request: Request, provider: Provider) -> Reply:
    """``GET`` of a job by its id: its next state, and again and again the last one."""
    return found(provider.look(identifier(request)))


def cancel(request: Request, provider: Provider) -> Reply:
    """``POST …/{id}/cancel``: what was done by then is billed."""
    return found(provider.cancel(identifier(request)))


def found(document: JsonObject | None) -> Reply:
    """The answer to a request for something by its id."""
    if document is None:
        return error(404, "invalid_request_error", "There is nothing of that id.")
    return Reply(document)


def identifier(request: Request) -> str:
    """The last id in the path of a request, after which there may be a verb."""
    path = re.sub(r"/(cancel|remix|submit_tool_outputs)$", "", request.path.rstrip("/"))
    return path.rpartition("/")[2]


def batch(request: Request, provider: Provider) -> Reply:
    """``POST /v1/batches``: finished as soon as somebody looks; a cancelled one has come half the way."""
    body = request.json()
    required(body, "input_file_id")
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
        "usage": _usage(0),
        "metadata": None,
    }
    done = _ended(begun, "completed", _LINES)
    provider.keep(Job([done[0]], done[1], _ended(begun, "cancelled", _LINES // 2)))
    return Reply(begun)


def _ended(begun: JsonObject, status: str, lines: int) -> tuple[JsonObject, LedgerEntry]:
    state: JsonObject = {
        **begun,
        "status": status,
        f"{status}_at": begun["created_at"],
        "output_file_id": f"file-{new_id()}",
        "request_counts": {"total": _LINES, "completed": lines, "failed": 0},
        "usage": _usage(lines),
    }
    return state, LedgerEntry("/batches", snapshot(_MODEL), None, _usage(lines), later=True)


def _usage(lines: int) -> JsonObject:
    tokens_in, tokens_out = lines * _TOKENS_IN, lines * _TOKENS_OUT
    return {
        "input_tokens": tokens_in,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": tokens_out,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens_in + tokens_out,
    }


def fine_tuning(request: Request, provider: Provider) -> Reply:
    """``POST /v1/fine_tuning/jobs``: running at the first look, finished at the second."""
    body = request.json()
    model = snapshot(required_model(body))
    now = int(time.time())
    begun: JsonObject = {
        "id": f"ftjob_{new_id()}",
        "object": "fine_tuning.job",
        "model": model,
        "created_at": now,
        "finished_at": None,
        "fine_tuned_model": None,
        "organization_id": "org-demo",
        "result_files": [],
        "status": "validating_files",
        "training_file": required(body, "training_file"),
        "validation_file": None,
        "hyperparameters": {"n_epochs": 3, "batch_size": 1, "learning_rate_multiplier": 1.8},
        "trained_tokens": None,
        "error": None,
        "seed": 0,
    }
    done: JsonObject = {
        **begun,
        "status": "succeeded",
        "finished_at": now,
        "fine_tuned_model": f"ft:{model}:demo::{new_id()[:8]}",
        "trained_tokens": _TRAINED_TOKENS,
    }
    units = {"training_tokens": _TRAINED_TOKENS}
    entry = LedgerEntry("/fine_tuning/jobs", model, None, None, units=units, later=True)
    provider.keep(Job([{**begun, "status": "running"}, done], entry))
    return Reply(begun)
