# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Audio: speech, which is silence, and transcriptions and translations of recordings, whose length counts."""

from __future__ import annotations

import base64
import io
import math
import wave

from .provider import LedgerEntry, Provider, say, tokens
from .wire import BadRequest, JsonObject, Reply, Request, event, pieces, required, required_model, string

_SILENCE = bytes(256)
_SPOKEN_TOKENS = 5
"""Tokens of audio that speech has for one of text."""
_HEARD_TOKENS = 10
"""Tokens of one second of a recording."""


def speech(request: Request, provider: Provider) -> Reply:
    """``POST /v1/audio/speech``: bytes that say nothing of their price, or events of which the last one does."""
    body = request.json()
    model = required_model(body)
    text = string(required(body, "input"))
    required(body, "voice")
    if body.get("stream_format") != "sse":
        units = {"characters": len(text)} if model.startswith("tts-1") else {}
        provider.report(LedgerEntry("/audio/speech", model, None, None, units=units))
        return Reply(content=_SILENCE, content_type="audio/mpeg")
    usage = _usage(tokens(text), _SPOKEN_TOKENS * tokens(text))
    provider.report(LedgerEntry("/audio/speech", model, None, usage))
    sound = base64.b64encode(_SILENCE).decode()
    deltas = [event({"type": "speech.audio.delta", "audio": sound}) for _ in pieces(text)]
    return Reply(events=(*deltas, event({"type": "speech.audio.done", "usage": usage})))


def transcription(request: Request, provider: Provider) -> Reply:
    """``POST /v1/audio/transcriptions``: billed by the token, or by the second if that is how the model is billed."""
    body, files = request.form()
    model = required_model(body)
    length = _length(files)
    text = say(f"{length}", None)
    if model.startswith("gpt-4o"):
        heard = math.ceil(length * _HEARD_TOKENS)
        usage: JsonObject = {
            "type": "tokens",
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
            **_usage(heard, tokens(text)),
        }
    else:
        usage = {"type": "duration", "seconds": math.ceil(length)}
    wanted = string(body.get("response_format"))
    is_plain = wanted in ("text", "srt", "vtt")
    provider.report(LedgerEntry("/audio/transcriptions", model, None, None if is_plain else usage))
    if is_plain:
        return _plain(text, wanted, length)
    if body.get("stream") is True and usage["type"] == "tokens":
        deltas = [event({"type": "transcript.text.delta", "delta": part}) for part in pieces(text)]
        done = event({"type": "transcript.text.done", "text": text, "usage": usage})
        return Reply(events=(*deltas, done, "data: [DONE]\n\n"))
    return Reply(
        {**(_verbose("transcribe", text, length) if wanted == "verbose_json" else {"text": text}), "usage": usage}
    )


def translation(request: Request, provider: Provider) -> Reply:
    """``POST /v1/audio/translations``: only a verbose answer tells how long the recording was."""
    body, files = request.form()
    model = required_model(body)
    length = _length(files)
    text = say(f"{length}", None)
    wanted = string(body.get("response_format"))
    is_verbose = wanted == "verbose_json"
    units = {"audio_seconds": length} if is_verbose else {}
    provider.report(LedgerEntry("/audio/translations", model, None, None, units=units))
    if wanted in ("text", "srt", "vtt"):
        return _plain(text, wanted, length)
    return Reply(_verbose("translate", text, length) if is_verbose else {"text": text})


def _length(files: list[tuple[str, bytes]]) -> float:
    """Seconds of the recording."""
    try:
        with wave.open(io.BytesIO(dict(files).get("file", b""))) as recording:
            return recording.getnframes() / recording.getframerate()
    except (wave.Error, EOFError):
        raise BadRequest("The file is not a recording that this server can read: it knows WAV only.", "file") from None


def _usage(input_tokens: int, output_tokens: int) -> JsonObject:
    return {
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
    }


def _verbose(task: str, text: str, length: float) -> JsonObject:
    return {"task": task, "language": "english", "duration": length, "text": text, "segments": []}


def _plain(text: str, wanted: str, length: float) -> Reply:
    """The text alone, or as one subtitle."""
    if wanted == "srt":
        text = f"1\n00:00:00,000 --> 00:00:{length:06.3f}\n{text}".replace(".", ",", 1)
    elif wanted == "vtt":
        text = f"WEBVTT\n\n00:00.000 --> 00:{length:06.3f}\n{text}"
    return Reply(content=f"{text}\n".encode(), content_type="text/plain; charset=utf-8")
