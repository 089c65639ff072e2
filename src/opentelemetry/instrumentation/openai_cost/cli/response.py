# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What a JSON document of the API says about a call: a usage object, a response body, or what such a body comes wrapped in."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import cast

from ..endpoints import Request
from ..endpoints._fields import Fields, fields, items, number, text, tokens
from ..endpoints.chat import CHAT
from ..endpoints.completions import COMPLETIONS
from ..endpoints.containers import CONTAINERS
from ..endpoints.jobs import FETCH_BATCH, FETCH_FINE_TUNING, FETCH_RUN, FETCH_VIDEO
from ..endpoints.responses import RESPONSES
from ..usage import Tokens, Usage
from .arguments import UsageError

_ENDPOINTS = {
    "chat.completion": CHAT,
    "text_completion": COMPLETIONS,
    "response": RESPONSES,
    "response.compaction": RESPONSES,
    "batch": FETCH_BATCH,
    "container": CONTAINERS,
    "fine_tuning.job": FETCH_FINE_TUNING,
    "thread.run": FETCH_RUN,
    "video": FETCH_VIDEO,
}
"""The endpoint whose bodies call themselves so."""
_FUTURE = 10**11
"""No response was created after the year 5000."""
_COUNTS = ("input_tokens", "output_tokens", "prompt_tokens", "completion_tokens")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document tells of a call.

    Attributes:
        usage: what was used; ``None`` if the body is one of a response and reports no usage.
        model: the model that answered.
        tier: service tier of the response.
        created: when it was created, seconds since the epoch.
        endpoint: name of the endpoint, where the body shows it.
        batch: whether it is a batch, or a line of a batch's output file.
    """

    usage: Usage | None
    model: str | None = None
    tier: str | None = None
    created: float | None = None
    endpoint: str | None = None
    batch: bool = False


def read(argument: str) -> Facts:
    """Reads the argument of ``--usage``: JSON, ``@`` and the path of a file that holds it, or ``-`` for standard input.

    Raises:
        UsageError: if it cannot be read or says nothing about usage.
    """
    name = "standard input" if argument == "-" else argument[1:] if argument.startswith("@") else "--usage"
    try:
        if argument == "-":
            content = sys.stdin.read()
        elif argument.startswith("@"):
            content = Path(argument[1:]).read_text(encoding="utf-8")
        else:
            content = argument
    except OSError as error:
        raise UsageError(f"{name}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{name}: not UTF-8: {error.reason}") from error
    try:
        document = cast(object, json.loads(content))
    except (ValueError, RecursionError) as error:
        hint = "; a file is named with @ before its path" if name == "--usage" and Path(argument).is_file() else ""
        raise UsageError(f"{name}: not JSON: {error}{hint}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{name}: expected a JSON object, a usage object or a response body")
    facts = facts_of(cast(Fields, document))
    if facts is None:
        raise UsageError(f"{name}: neither a usage object nor a response body: it has no usage and no {_COUNTS[0]}")
    return facts


def facts_of(document: Fields) -> Facts | None:
    """What the document tells, or ``None`` if it is none of those that the API returns."""
    inner = fields(document.get("response"))
    line = fields(inner.get("body"))
    if line:
        # A line of a batch's output file; it reports the default tier although the batch rates hold.
        facts = facts_of(line)
        return facts and Facts(facts.usage, facts.model, facts.tier, facts.created, facts.endpoint, batch=True)
    if inner and text(document.get("type")) is not None:
        return facts_of(inner)  # the last event of a stream
    endpoint = _ENDPOINTS.get(text(document.get("object")) or "")
    if endpoint is not None:
        response = endpoint.read_response(document, Request())
        return Facts(
            response.usage,
            response.priced_model or response.model,
            response.service_tier,
            _moment(response.created),
            endpoint.name,
            batch=endpoint is FETCH_BATCH,
        )
    if "usage" in document:
        return _of_body(document)
    if any(name in document for name in _COUNTS) or document.get("type") == "duration":
        return Facts(usage_of(document))
    if "moderation" in (text(document.get("model")) or "") and "results" in document:
        return Facts(Usage(units=(("requests", 1),)), text(document.get("model")), endpoint="moderations")
    return None


def _of_body(body: Fields) -> Facts:
    """A body of which only its usage, and what usually stands beside it, matters."""
    used = fields(body.get("usage"))
    drawn = any(fields(item).get("b64_json") or fields(item).get("url") for item in items(body.get("data")))
    return Facts(
        usage=usage_of(used) if used else None,
        model=text(body.get("model")),
        tier=text(body.get("service_tier")),
        created=_moment(number(body.get("created_at")) or number(body.get("created"))),
        endpoint="images" if drawn else None,
    )


def _moment(created: float | None) -> float | None:
    """Seconds since the epoch, if they can be: what counts in milliseconds is no moment that is known."""
    return created if created is not None and 0 < created < _FUTURE else None


def usage_of(used: Fields) -> Usage:
    """The usage that a usage object reports: tokens, or seconds of audio."""
    seconds = used.get("seconds")
    units = () if seconds is None else (("audio_seconds", seconds_of(seconds)),)
    # Embeddings report no output at all: whoever generated some says so.
    return Usage(tokens(used, has_output=False), units)


def seconds_of(value: object) -> Decimal:
    """A duration in seconds, exactly as written.

    Raises:
        UsageError: if it is not one.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 10**12:
        raise UsageError(f"{value!r} is no number of seconds")
    return Decimal(str(value))


def as_image_output(counts: Tokens) -> Tokens:
    """The counts of an image model: output that is not split by modality is images."""
    if counts.output is None or counts.image_output is not None or counts.text_output is not None:
        return counts
    return Tokens(
        input=counts.input,
        output=counts.output,
        cache_read=counts.cache_read,
        cache_write=counts.cache_write,
        cache_write_30m=counts.cache_write_30m,
        cache_write_12h=counts.cache_write_12h,
        reasoning=counts.reasoning,
        text_input=counts.text_input,
        audio_input=counts.audio_input,
        image_input=counts.image_input,
        audio_output=counts.audio_output,
        image_output=counts.output - (counts.reasoning or 0) - (counts.audio_output or 0),
        text_cache_read=counts.text_cache_read,
        audio_cache_read=counts.audio_cache_read,
        image_cache_read=counts.image_cache_read,
    )
