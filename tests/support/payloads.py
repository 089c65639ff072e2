# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The bodies that the OpenAI API sends, as files in ``tests/payloads``."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent.parent / "payloads"


@cache
def _text(name: str) -> str:
    return (DIRECTORY / name).read_text(encoding="utf-8")


@cache
def _json(name: str) -> Any:
    return json.loads(_text(name))


def payload(name: str, **changes: Any) -> dict[str, Any]:
    """A JSON body, the caller's own copy, with top-level fields replaced by ``changes``."""
    return {**copy.deepcopy(_json(name)), **changes}


def events(name: str) -> list[bytes]:
    """The server-sent events of a ``.sse`` file, each with the blank line that ends it."""
    return [block.strip("\n").encode() + b"\n\n" for block in _text(name).split("\n\n") if block.strip()]


def event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event with ``data`` as JSON."""
    line = b"data: " + json.dumps(data, separators=(",", ":")).encode() + b"\n\n"
    return line if name is None else b"event: " + name.encode() + b"\n" + line


DONE = b"data: [DONE]\n\n"
"""What ends a stream of chat completions or completions; streams of responses have no such event."""
