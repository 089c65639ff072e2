# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The imaginary provider: what it knows of models, what it remembers, what it has reported."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from .wire import JsonObject, dig, elements, members, objects, string

_ANSWERS = (
    "Yes, bring it in on Thursday before noon. A service takes one day, and we call you when it is ready.",
    "The creak comes from the bottom bracket more often than not. Tighten the cranks first and listen again.",
    "A chain lasts about three thousand kilometres. Yours is stretched by 0.8 per cent, so change it now.",
    "For gravel, 38 millimetres at 2.8 bar is a good start. Less pressure means more grip, more punctures.",
    "The refund was sent on Monday to the card you paid with. Banks take up to five days to show it.",
)
_SNAPSHOTS = {
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-5.4-mini": "gpt-5.4-mini-2026-03-17",
    "gpt-5.4-nano": "gpt-5.4-nano-2026-03-17",
    "gpt-5.5": "gpt-5.5-2026-04-23",
}
_REASONING_TOKENS = {
    "none": 0,
    "minimal": 0,
    "low": 64,
    "medium": 192,
    "high": 448,
    "xhigh": 960,
    "max": 1920,
}
_REASONING_MODELS = re.compile(r"gpt-[5-9]|o\d")
_CACHE_WRITE_MODELS = re.compile(r"gpt-(5\.6|[6-9])")
# Prompt caching starts at 1024 tokens and goes on in steps of 128 (OpenAI's guide to prompt caching).
_CACHE_MINIMUM, _CACHE_STEP = 1024, 128
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What was reported for one call that is billed.

    Attributes:
        endpoint: the path after ``/v1``.
        model: as the answer names it; as the request does, where the answer names none.
        service_tier: as answered; None where the endpoint has no such field.
        usage: the ``usage`` object as sent; None if none was sent.
        tools: uses of hosted tools that are billed, by tool.
        units: what is billed by other units, by unit, where the answer has no ``usage`` for it.
        later: whether it is billed when finished: the call that started it reported nothing.
    """

    endpoint: str
    model: str
    service_tier: str | None
    usage: JsonObject | None
    tools: Mapping[str, int] = field(default_factory=dict[str, int])
    units: Mapping[str, float] = field(default_factory=dict[str, float])
    later: bool = False

    def to_json(self) -> str:
        """The entry as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(slots=True)
class Job:
    """Something that is started by one request and billed when it is finished.

    Attributes:
        states: what those who ask for it are told, one state after the other; the last one from then on.
        entry: what is billed as soon as somebody has been told the last state; None if nothing is, or it was already.
        cancelled: state and bill from the moment on at which somebody cancels it; None if that is not possible.
    """

    states: list[JsonObject]
    entry: LedgerEntry | None
    cancelled: tuple[JsonObject, LedgerEntry] | None = None


class Provider:
    """What is remembered between requests: prompts, conversations, and the ledger of what was reported."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._prompts: dict[str, list[str]] = {}
        self._conversations: dict[str, str] = {}
        self._jobs: dict[str, Job] = {}
        self._ledger: list[LedgerEntry] = []

    @property
    def ledger(self) -> tuple[LedgerEntry, ...]:
        """Every billed call so far, in order."""
        with self._lock:
            return tuple(self._ledger)

    def report(self, entry: LedgerEntry) -> None:
        """Adds a call to the ledger."""
        with self._lock:
            self._ledger.append(entry)

    def cache(self, model: str, text: str, options: object) -> tuple[int, int | None]:
        """Looks a prompt up in the model's cache, and leaves it there for the next one.

        Args:
            model: as requested.
            text: the whole prompt.
            options: the request's ``prompt_cache_options``; ``explicit`` without breakpoints caches nothing.

        Returns:
            Tokens read from the cache, and tokens written to it: None for a model that does not bill writes.
        """
        bills_writes = _CACHE_WRITE_MODELS.match(model) is not None
        if dig(options, "mode") == "explicit":
            return 0, 0 if bills_writes else None
        with self._lock:
            prompts = self._prompts.setdefault(model, [])
            read = _cacheable(max((_shared_prefix(text, prompt) for prompt in prompts), default=0) // 4)
            prompts.append(text)
            del prompts[:-_REMEMBERED]
        return read, _cacheable(len(text) // 4) - read if bills_writes else None

    def keep(self, job: Job) -> None:
        """Keeps a job for those who will ask for it."""
        with self._lock:
            self._jobs[string(job.states[-1]["id"])] = job
            if len(self._jobs) > _REMEMBERED:
                del self._jobs[next(iter(self._jobs))]

    def look(self, identifier: str) -> JsonObject | None:
        """The next state of a job, the last one from then on; None if there is no such job."""
        with self._lock:
            job = self._jobs.get(identifier)
            if job is None:
                return None
            state = job.states.pop(0) if len(job.states) > 1 else job.states[0]
            if state is job.states[-1] and job.entry is not None:
                self._ledger.append(job.entry)
                job.entry = None
            return state

    def kept(self, prefix: str) -> list[JsonObject]:
        """All jobs of a kind as they are by now, the newest first."""
        with self._lock:
            return [job.states[0] for name, job in reversed(self._jobs.items()) if name.startswith(prefix)]

    def cancel(self, identifier: str) -> JsonObject | None:
        """Ends a job before its time; None if there is no such job, or it cannot be cancelled."""
        with self._lock:
            job = self._jobs.get(identifier)
            if job is None or job.cancelled is None:
                return None
            state, job.entry = job.cancelled
            job.states, job.cancelled = [state], None
        return self.look(identifier)

    def remember(self, response_id: str, text: str) -> None:
        """Keeps the text of a response, for a request that continues it."""
        with self._lock:
            self._conversations[response_id] = text
            if len(self._conversations) > _REMEMBERED:
                del self._conversations[next(iter(self._conversations))]

    def recall(self, response_id: str) -> str:
        """The text of an earlier response, empty if there is none."""
        with self._lock:
            return self._conversations.get(response_id, "")


def tokens(text: str) -> int:
    """How many tokens a text has: one per four characters, rounded up."""
    return -(-len(text) // 4)


def media_tokens(messages: list[JsonObject]) -> tuple[int, int]:
    """Image and audio tokens of messages: by the image's detail, and ten per second of 16 kHz audio."""
    images = audio = 0
    for message in messages:
        for part in objects(message.get("content")):
            if part.get("type") in ("image_url", "input_image"):
                detail = part.get("detail") or dig(part, "image_url", "detail")
                images += 85 if detail == "low" else 765
            elif part.get("type") == "input_audio":
                encoded = string(dig(part, "input_audio", "data"))
                audio += len(encoded) * 3 // 4 // 3200
    return images, audio


def reasoning_tokens(model: str, effort: object) -> int:
    """How long a model thinks; models that reason think with medium effort unless told otherwise."""
    if not _REASONING_MODELS.match(model):
        return 0
    return _REASONING_TOKENS.get(string(effort) or "medium", 0)


def snapshot(model: str) -> str:
    """The dated model that an alias stands for, as the answer names it."""
    return _SNAPSHOTS.get(model, model)


def serving_tier(body: JsonObject) -> str:
    """The service tier of the answer; ``fast`` is another name of ``priority``."""
    tier = string(body.get("service_tier"))
    return {"": "default", "auto": "default", "fast": "priority"}.get(tier, tier)


def say(text: str, schema: object) -> str:
    """An answer to a text: the same one each time, and JSON that fits the schema if there is one."""
    root = members(schema)
    return json.dumps(instance(root, root)) if root else _ANSWERS[len(text) % len(_ANSWERS)]


def instance(schema: JsonObject, root: JsonObject) -> object:
    """A value that fits a JSON schema, as far as structured outputs allow one to be written."""
    reference = string(schema.get("$ref"))
    if reference:
        return instance(members(dig(root, *reference.removeprefix("#/").split("/"))), root)
    for option in objects(schema.get("anyOf")) or objects(schema.get("allOf")):
        return instance(option, root)
    if elements(schema.get("enum")):
        return elements(schema["enum"])[0]
    kind = string(schema.get("type"))
    if kind == "object":
        return {name: instance(members(of), root) for name, of in members(schema.get("properties")).items()}
    if kind == "array":
        return [instance(members(schema.get("items")), root)]
    plain: dict[str, object] = {"integer": 3, "number": 0.5, "boolean": True, "null": None}
    return schema.get("const", plain.get(kind, "brakes"))


def _cacheable(count: int) -> int:
    return count // _CACHE_STEP * _CACHE_STEP if count >= _CACHE_MINIMUM else 0


def _shared_prefix(text: str, other: str) -> int:
    """Length of the longest common prefix; by bisection, since prompts may have millions of characters."""
    low, high = 0, min(len(text), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if text[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
