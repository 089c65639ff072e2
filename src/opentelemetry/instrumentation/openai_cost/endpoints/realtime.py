# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""What events on a websocket say: of realtime sessions, of live sessions, and of responses made over a connection.

A realtime session is billed by the response, and its input transcription by itself, at the transcribing model's price. A live
session is billed by the second; what it delegates is billed as any response or decision is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..usage import Tokens, Usage
from ._chat_events import error_type
from ._facts import Endpoint, Request, Response
from ._fields import NOTHING, Fields, fields, items, number, seconds, text, tokens, whole
from .audio import TRANSCRIPTIONS
from .decisions import DECISIONS
from .responses import RESPONSES

_REASONS = {"max_output_tokens": "length"}
_ECHOED = ("model", "previous_response_id", "conversation", "reasoning", "prompt", "max_output_tokens", "tools")
"""What a response repeats of its request. Not its tier, which is the one billed, nor parameters whose default is repeated too."""
_TOOL_CALLS = ("type", "action", "container_id", "environment", "svg_usage")
"""What of a hosted tool's call decides its fee."""
_IMPOSSIBLE = Usage(Tokens(input=-1))
"""Stands for a duration that is none; no price follows from it."""


class Session(NamedTuple):
    """What a session's events have told of it.

    Attributes:
        id: the session's id.
        model: the model of the session, as the server names it, else as asked for.
        requested_model: the model or deployment asked for when connecting.
        reasoning: reasoning settings of a realtime session.
        transcription: how input is transcribed, ``NOTHING`` if it is not.
        tools: hosted tools of the responses that a live session delegates to.
        decision_model: the model that a live session delegates decisions to.
    """

    id: str | None = None
    model: str | None = None
    requested_model: str | None = None
    reasoning: object = None
    transcription: Fields = NOTHING
    tools: Sequence[object] = ()
    decision_model: str | None = None

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """Span attributes of everything that happens in the session."""
        return {} if self.id is None else {semconv.REALTIME_SESSION_ID: self.id}


def read_session(snapshot: Fields, known: Session) -> Session:
    """Reads a session as ``session.created``, ``.started``, ``.updated`` or ``.closed`` shows it, over what is known of it."""
    transcription = known.transcription
    audio = snapshot.get("audio")
    if audio is not None:
        transcription = fields(fields(fields(audio).get("input")).get("transcription"))
    elif "input_audio_transcription" in snapshot:
        transcription = fields(snapshot["input_audio_transcription"])
    delegation = fields(snapshot.get("delegation"))
    model = text(snapshot.get("model")) or known.model
    return Session(
        id=text(snapshot.get("id")) or known.id,
        model=model,
        requested_model=known.requested_model or model,
        reasoning=snapshot.get("reasoning") or known.reasoning,
        transcription=transcription,
        tools=items(fields(delegation.get("responses")).get("tools")) or known.tools,
        decision_model=text(fields(delegation.get("decisions")).get("model")) or known.decision_model,
    )


def in_session(thing: object, session: Session) -> Fields:
    """An object of an event together with what only the session says: its id and its models."""
    return {
        "reasoning": session.reasoning,
        **fields(thing),
        "session_id": session.id,
        "model": session.model,
        "requested_model": session.requested_model,
    }


# --- realtime ---------------------------------------------------------------------------------------------------------------


def read_request(body: Fields) -> Request:
    """Reads what a realtime response repeats of how it was asked for; ``body`` as ``in_session`` makes it."""
    attributes: dict[str, AttributeValue] = {}
    for name, attribute in (
        ("session_id", semconv.REALTIME_SESSION_ID),
        ("conversation_id", gen_ai.GEN_AI_CONVERSATION_ID),
    ):
        if (value := text(body.get(name))) is not None:
            attributes[attribute] = value
    if (limit := whole(body.get("max_output_tokens"))) is not None:
        attributes[gen_ai.GEN_AI_REQUEST_MAX_TOKENS] = limit
    if (temperature := number(body.get("temperature"))) is not None:
        attributes[gen_ai.GEN_AI_REQUEST_TEMPERATURE] = temperature
    if (effort := text(fields(body.get("reasoning")).get("effort"))) is not None:
        attributes[semconv.REQUEST_REASONING_LEVEL] = effort
    modalities = items(body.get("output_modalities") or body.get("modalities"))
    if modalities:
        attributes[gen_ai.GEN_AI_OUTPUT_TYPE] = "speech" if "audio" in modalities else "text"
    return Request(model=text(body.get("requested_model")), attributes=attributes)


def read_response(body: Fields, request: Request) -> Response:
    """Reads a realtime response, whose model only the session knows; ``body`` as ``in_session`` makes it.

    Its usage is what is billed, however it ended (OpenAI SDK, ``RealtimeResponse.usage``).
    """
    counts = tokens(body.get("usage"))
    status = text(body.get("status"))
    details = fields(body.get("status_details"))
    return Response(
        id=text(body.get("id")),
        model=text(body.get("model")),
        finish_reasons=_finish_reasons(body, status, text(details.get("reason"))),
        usage=None if counts is None else Usage(counts),
        status=status,
        error_type=error_type(details.get("error")) if status == "failed" else None,
    )


def _finish_reasons(body: Fields, status: str | None, reason: str | None) -> tuple[str, ...]:
    """A realtime response has a status, and a reason where it was cut short."""
    if status == "completed":
        called = any(fields(item).get("type") == "function_call" for item in items(body.get("output")))
        return ("tool_calls",) if called else ("stop",)
    if status in ("incomplete", "cancelled"):
        reason = reason or status
        return (_REASONS.get(reason, reason),)
    return ("error",) if status == "failed" else ()


def transcription_request(session: Session) -> Request:
    """The transcription of a piece of input, as the session is set up to do it."""
    request = TRANSCRIPTIONS.read_request(session.transcription)
    return request._replace(attributes={**request.attributes, **session.attributes})


def read_transcription(event: Fields, request: Request) -> Response:
    """Reads the end of an input transcription: tokens or seconds, or the error that it ended with."""
    response = TRANSCRIPTIONS.read_response(event, request)
    error = event.get("error")
    return response if error is None else response._replace(error_type=error_type(error))


# --- live -------------------------------------------------------------------------------------------------------------------


def live_request(body: Fields) -> Request:
    """Reads a live session as ``in_session`` shows it."""
    identifier = text(body.get("session_id"))
    attributes = {} if identifier is None else {semconv.REALTIME_SESSION_ID: identifier}
    return Request(model=text(body.get("requested_model")), attributes=attributes)


def read_live(body: Fields, request: Request) -> Response:
    """Reads what is to be charged of a live session: ``seconds``, and how it ended: ``reason``."""
    model, reason = text(body.get("model")), text(body.get("reason"))
    response = Response(model=model, finish_reasons=() if reason is None else (reason,))
    used = body.get("seconds")
    if used is None:
        return response
    billed = used if isinstance(used, Decimal) else seconds(used)
    if billed is None:
        return response._replace(usage=_IMPOSSIBLE)
    return response._replace(
        usage=Usage(units=(("audio_seconds", billed),)), attributes={semconv.OWN_AUDIO_SECONDS: float(billed)}
    )


def decision_request(session: Session) -> Request:
    """A decision that a live session delegates."""
    return DECISIONS.read_request({"model": session.decision_model})._replace(attributes=session.attributes)


# --- responses over a connection --------------------------------------------------------------------------------------------


def response_request(snapshot: Fields, session: Session) -> Request:
    """What a response repeats of its request; the tools of a delegated one are the session's."""
    body = {name: value for name in _ECHOED if (value := snapshot.get(name)) is not None}
    if session.tools and not body.get("tools"):
        body["tools"] = session.tools
    output = snapshot.get("text")
    if fields(fields(output).get("format")).get("type") != "text":
        body["text"] = output
    request = RESPONSES.read_request({**body, "stream": True})
    return request._replace(attributes={**request.attributes, **session.attributes})


def tool_call(item: object) -> Fields | None:
    """What of an output item decides a fee or a finish reason, if it is the call of a tool."""
    of = fields(item)
    kind = text(of.get("type")) or ""
    return {name: of.get(name) for name in _TOOL_CALLS} if kind.endswith("_call") else None


REALTIME = Endpoint(
    name="realtime",
    operation="realtime_inference",
    kind="inference",
    read_request=read_request,
    read_response=read_response,
    priced_by="tokens by modality, one response at a time",
)

INPUT_TRANSCRIPTION = Endpoint(
    name="realtime",
    operation="speech_to_text",
    kind="other",
    read_request=TRANSCRIPTIONS.read_request,
    read_response=read_transcription,
    priced_by="tokens or seconds of audio, at the transcribing model's price",
)

LIVE = Endpoint(
    name="live",
    operation="live_session",
    kind="other",
    read_request=live_request,
    read_response=read_live,
    priced_by="seconds of the session",
)
