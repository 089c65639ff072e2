# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Audio (``POST /audio/speech``, ``/audio/transcriptions`` and ``/audio/translations``)."""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import gen_ai_attributes as gen_ai
from opentelemetry.util.types import AttributeValue

from .. import semconv
from ..usage import Tokens, Usage
from ._facts import Endpoint, Request, Response
from ._fields import Fields, fields, seconds, text, tokens
from ._gateway import in_usage
from ._usage_events import UsageEvents

_OUTPUT_TYPES = {
    "json": "json",
    "verbose_json": "json",
    "diarized_json": "json",
    "text": "text",
    "srt": "text",
    "vtt": "text",
}
_IMPOSSIBLE = Usage(Tokens(input=-1))
"""Stands for a duration that is none; no price follows from it."""


# --- speech -----------------------------------------------------------------------------------------------------------------


def read_speech_request(body: Fields) -> Request:
    """Reads the body of a speech request; of the text, only its length.

    Speech is billed by the character, except by models named ``gpt-…``, which bill tokens (OpenAI pricing page).
    """
    attributes: dict[str, AttributeValue] = {}
    if (voice := text(body.get("voice")) or text(fields(body.get("voice")).get("id"))) is not None:
        attributes[semconv.SPEECH_VOICE] = voice
    streamed = body.get("stream_format") == "sse"
    if streamed:
        attributes[semconv.REQUEST_STREAM] = True
    model, spoken = text(body.get("model")), text(body.get("input"))
    by_token = spoken is None or (model or "").startswith("gpt-")
    units = () if by_token else (("characters", len(spoken or "")),)
    return Request(model=model, stream=streamed, attributes=attributes, units=units)


def read_speech(body: Fields, request: Request) -> Response:
    """Reads what an event says of the usage: the output of a speech model is audio."""
    used = body.get("usage")
    counts = tokens(used)
    if counts is None:
        return Response()
    if counts.audio_output is None and counts.text_output is None:
        counts = counts._replace(audio_output=counts.output)
    return Response(usage=Usage(counts), reported=in_usage(used))


def read_spoken(request: Request) -> Response:
    """What a response of audio bytes was billed for, as far as the request tells."""
    if not request.units:
        return Response()
    attributes = {semconv.OWN_CHARACTERS: int(request.units[0][1])}
    return Response(usage=Usage(units=request.units), attributes=attributes)


# --- transcriptions and translations ----------------------------------------------------------------------------------------


def read_transcription_request(body: Fields) -> Request:
    """Reads the fields of a transcription or translation request; file and prompt are not looked at."""
    attributes: dict[str, AttributeValue] = {}
    output_type = _OUTPUT_TYPES.get(text(body.get("response_format")) or "")
    if output_type is not None:
        attributes[gen_ai.GEN_AI_OUTPUT_TYPE] = output_type
    if (language := text(body.get("language"))) is not None:
        attributes[semconv.SPEECH_INPUT_LANGUAGE] = language
    streamed = body.get("stream") is True
    if streamed:
        attributes[semconv.REQUEST_STREAM] = True
    return Request(model=text(body.get("model")), stream=streamed, attributes=attributes)


def read_transcription(body: Fields, request: Request) -> Response:
    """Reads the usage of a transcription: tokens, or seconds of audio; a verbose one without it tells its duration."""
    used = body.get("usage")
    reported = None if used is None else in_usage(used)
    heard = fields(used)
    if heard.get("type") == "duration":
        billed = seconds(heard.get("seconds"))
    elif used is None:
        if body.get("duration") is None:
            return Response()
        billed = seconds(body.get("duration"))
    else:
        counts = tokens(used)
        return Response(usage=None if counts is None else Usage(counts), reported=reported)
    if billed is None:
        return Response(usage=_IMPOSSIBLE, reported=reported)
    attributes = {semconv.OWN_AUDIO_SECONDS: float(billed)}
    return Response(usage=Usage(units=(("audio_seconds", billed),)), attributes=attributes, reported=reported)


# --- events -----------------------------------------------------------------------------------------------------------------


class _AudioEvents(UsageEvents):
    """Folds the events of a stream, of which the last one has the usage."""

    __slots__ = ()

    def _take(self, data: Fields) -> bool:
        kind = data.get("type")
        if kind not in ("speech.audio.done", "transcript.text.done") and not data.get("usage"):
            return False
        self._response = self._usage(data)
        return True

    def _usage(self, data: Fields) -> Response:
        return read_transcription(data, self._request)


class _SpeechEvents(_AudioEvents):
    """Events of a speech: audio in pieces, then the usage."""

    __slots__ = ()

    def _usage(self, data: Fields) -> Response:
        return read_speech(data, self._request)


SPEECH = Endpoint(
    name="speech",
    operation="text_to_speech",
    kind="other",
    read_request=read_speech_request,
    read_response=read_speech,
    events=_SpeechEvents,
    without_body=read_spoken,
    markers=(b"speech.audio.done", b"event: error", b'"error"'),
    ending=b"speech.audio.done",
    attributes={gen_ai.GEN_AI_OUTPUT_TYPE: "speech"},
    priced_by="characters of the text, or tokens where events report them",
)

TRANSCRIPTIONS = Endpoint(
    name="transcriptions",
    operation="speech_to_text",
    kind="other",
    read_request=read_transcription_request,
    read_response=read_transcription,
    events=_AudioEvents,
    markers=(b"transcript.text.done", b"event: error", b'"error"'),
    ending=b"transcript.text.done",
    priced_by="tokens or seconds of audio, as reported",
)

TRANSLATIONS = Endpoint(
    name="translations",
    operation="speech_to_text",
    kind="other",
    read_request=read_transcription_request,
    read_response=read_transcription,
    priced_by="seconds of audio, which only `verbose_json` reports",
)
