# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Requests and replies as values, and the reading and writing of JSON that all endpoints share."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

JsonObject = dict[str, object]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read completely.

    Attributes:
        method: such as ``POST``.
        path: without host and query, such as ``/v1/chat/completions``.
        headers: with names in lower case.
        body: as it came.
        query: the parameters of the URL.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict[str, str])

    def json(self) -> JsonObject:
        """The body as a JSON object.

        Raises:
            BadRequest: it is anything else.
        """
        try:
            body: object = json.loads(self.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise BadRequest("The body is not a JSON object.", None)
        return cast(JsonObject, body)

    def parameters(self) -> JsonObject:
        """The body of an endpoint that takes JSON as well as a form, its files left out.

        Raises:
            BadRequest: it is neither.
        """
        is_form = self.headers.get("content-type", "").startswith("multipart/form-data")
        return self.form()[0] if is_form else self.json()

    def form(self) -> tuple[JsonObject, list[tuple[str, bytes]]]:
        """The fields and the files of a ``multipart/form-data`` body; several files may have one name.

        Numbers and truth values are read as such.

        Raises:
            BadRequest: it is anything else.
        """
        boundary = re.search(r'boundary="?([^";]+)', self.headers.get("content-type", ""))
        if boundary is None:
            raise BadRequest("The body is not a form.", None)
        values: JsonObject = {}
        files: list[tuple[str, bytes]] = []
        for part in self.body.split(b"--" + boundary[1].encode())[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            content = content.removesuffix(b"\r\n")
            name = re.search(rb'; name="([^"]*)"', head)
            if name is not None and b"; filename=" in head:
                files.append((name[1].decode(), content))
            elif name is not None:
                values[name[1].decode()] = _plain(content.decode())
        return values, files


def _plain(text: str) -> object:
    return int(text) if text.isdecimal() else {"true": True, "false": False}.get(text, text)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer.

    Attributes:
        document: the body, sent as JSON.
        events: server-sent events, ready for the wire; sent instead of the document unless None.
        status: the HTTP status.
        content: bytes that are sent instead of the document unless None.
        content_type: media type of the document or the bytes.
    """

    document: JsonObject = field(default_factory=dict[str, object])
    events: tuple[str, ...] | None = None
    status: int = 200
    content: bytes | None = None
    content_type: str = "application/json"


class Conversation(Protocol):
    """One websocket connection: what is said when it opens, and in answer to each event of the client."""

    def opening(self) -> Iterable[JsonObject]:
        """The events that come before any of the client's."""
        ...

    def hear(self, event: JsonObject) -> Iterable[JsonObject]:
        """The events that answer one of the client's."""
        ...


class BadRequest(Exception):
    """A request that is answered with 400 ``invalid_request_error``."""

    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.param = param


def error(status: int, kind: str, message: str, *, code: str | None = None, param: str | None = None) -> Reply:
    """An error in OpenAI's form."""
    return Reply({"error": {"message": message, "type": kind, "param": param, "code": code}}, status=status)


# Reading: JSON of unknown shape. What is absent or of another type reads as empty.


def required(body: JsonObject, name: str) -> object:
    """The value of a parameter that must be there.

    Raises:
        BadRequest: it is not, or it is empty.
    """
    value = body.get(name)
    if not value:
        raise BadRequest(f"Missing required parameter: '{name}'.", name)
    return value


def required_model(body: JsonObject) -> str:
    """The model asked for; also refuses a temperature that no model accepts."""
    temperature = body.get("temperature")
    if isinstance(temperature, (int, float)) and not 0 <= temperature <= 2:
        raise BadRequest(f"Invalid 'temperature': {temperature} is not between 0 and 2.", "temperature")
    return string(required(body, "model"))


def string(value: object) -> str:
    """The value if it is a string."""
    return value if isinstance(value, str) else ""


def integer(value: object) -> int:
    """The value if it is an integer."""
    return value if isinstance(value, int) else 0


def elements(value: object) -> list[object]:
    """The value if it is an array."""
    return cast("list[object]", value) if isinstance(value, list) else []


def members(value: object) -> JsonObject:
    """The value if it is an object."""
    return cast(JsonObject, value) if isinstance(value, dict) else {}


def objects(value: object) -> list[JsonObject]:
    """The elements of an array of objects."""
    return [members(element) for element in elements(value)]


def dig(value: object, *path: str) -> object:
    """The member at a path of names, None if there is none."""
    for name in path:
        value = members(value).get(name)
    return value


def text_of(content: object) -> str:
    """The text of a message's content, be it a string or a list of parts."""
    return string(content) or "\n".join(filter(None, (string(part.get("text")) for part in objects(content))))


# Writing


def new_id() -> str:
    """A fresh identifier, to be prefixed with what it identifies."""
    return secrets.token_hex(12)


def event(data: JsonObject, name: str | None = None) -> str:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n"


def pieces(text: str) -> list[str]:
    """A text in the portions in which a stream delivers it: a few words each."""
    return re.findall(r"(?:\S+\s*){1,4}", text)
