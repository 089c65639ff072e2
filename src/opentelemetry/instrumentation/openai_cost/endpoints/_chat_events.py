# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Streamed chunks of chat completions and of legacy completions: the same envelope around different choices."""

from __future__ import annotations

import re

from ..usage import Usage
from ._facts import Request, Response
from ._fields import Fields, fields, items, number, text, tokens, whole
from ._gateway import in_usage
from ._tools import chat_fees

MARKERS = (b'"finish_reason":"', b'"finish_reason": "', b'"error"')
"""An event that closes a choice or reports an error; those with usage are found for every endpoint."""
MIDWAY = (b'"finish_reason":"', b'"usage":{')
"""One choice may close long before the others, and every event may have a usage so far."""


class ChunkReader:
    """Folds chunks: identity from the opening ones, finish reasons and usage from those that carry them."""

    __slots__ = ("_finish_reasons", "_request", "_response", "_seen")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._response = Response()
        self._finish_reasons: dict[int, str] = {}
        self._seen = 0

    @property
    def identified(self) -> bool:
        """Azure opens with an event about the prompt that names no model; the first few events are looked at."""
        return self._response.model is not None or self._seen >= 4

    def read(self, data: Fields) -> bool:
        """Takes one chunk; an error event is the last."""
        self._seen += 1
        if error := data.get("error"):
            self._response = self._with_usage(data)._replace(error_type=error_type(error))
            return True
        known = self._response
        for choice in items(data.get("choices")):
            of = fields(choice)
            reason = text(of.get("finish_reason"))
            if reason is not None:
                self._finish_reasons[whole(of.get("index")) or 0] = reason
        used = _usage(data)
        counts = tokens(used)
        model = known.model or text(data.get("model"))
        self._response = Response(
            id=known.id or text(data.get("id")),
            model=model,
            created=known.created or number(data.get("created")) or None,
            service_tier=text(data.get("service_tier")) or known.service_tier,
            system_fingerprint=text(data.get("system_fingerprint")) or known.system_fingerprint,
            usage=known.usage if counts is None else Usage(counts, fees=chat_fees(self._request, model)),
            reported=known.reported if used is None else in_usage(used),
        )
        return False

    def _with_usage(self, data: Fields) -> Response:
        """The response with what a closing error says was used, if it does: a router bills what came before it."""
        counts = tokens(used := _usage(data))
        if counts is None:
            return self._response
        fees = chat_fees(self._request, self._response.model)
        return self._response._replace(usage=Usage(counts, fees=fees), reported=in_usage(used))

    def response(self) -> Response:
        """The response as far as the chunks told; a choice without a finish reason counts as ``error``."""
        return self._response._replace(finish_reasons=in_order(self._finish_reasons))


def _usage(data: Fields) -> object:
    """The usage of a chunk; Groq puts that of a stream under a name of its own, unless it is asked for."""
    return data.get("usage") or fields(data.get("x_groq")).get("usage")


def in_order(reasons: dict[int, str]) -> tuple[str, ...]:
    """Finish reasons by choice; ``error`` where a choice between others has none (semantic-conventions-genai#363)."""
    if len(reasons) < 2:
        return tuple(reasons.values()) if 0 in reasons else _with_gaps(reasons)
    return _with_gaps(reasons)


def _with_gaps(reasons: dict[int, str]) -> tuple[str, ...]:
    if not reasons:
        return ()
    return tuple(reasons.get(index, "error") for index in range(min(max(reasons), 127) + 1))


def error_type(error: object) -> str:
    """The code or type of an error object, else ``_OTHER``; neither is recorded where it is a sentence, which may tell anything."""
    of = fields(error)
    return _word(of.get("code")) or _word(of.get("type")) or "_OTHER"


def _word(value: object) -> str | None:
    word = text(value)
    return word if word is not None and _WORD.fullmatch(word) else None


_WORD = re.compile(r"[\w.:/-]{1,100}", re.ASCII)
