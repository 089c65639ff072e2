# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The organisation's own figures: what OpenAI billed and what it saw used, asked through the SDK, day by day, read only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from .arguments import UsageError

if TYPE_CHECKING:
    from openai import OpenAI

KEY = "OPENAI_ADMIN_KEY"
"""Environment variable of the key; it is no option, since other users of a machine can read those."""

_SDK = "reconcile needs openai 2.34 or newer, whose client has the organisation's usage and costs"
_MOST_BUCKETS = {"costs": 180}
_OTHER_BUCKETS = 31
_SECRET = re.compile(r"sk-[\w*.\-…]+")

GROUPS: Mapping[str, Sequence[str]] = {
    "completions": ("model", "batch", "service_tier"),
    "decisions": ("model", "batch", "service_tier"),
    "embeddings": ("model",),
    "audio_speeches": ("model",),
    "audio_transcriptions": ("model",),
    "web_search_calls": ("model",),
    "file_search_calls": (),
}
"""What usage is asked for, and by what it is divided. Newer clients have more of these resources than older ones."""

DIVIDED = frozenset({"completions", "decisions"})
"""Usage that says whether it was of a batch, and of which tier."""


class ApiError(Exception):
    """The API gave no answer that can be used; the message says why, without any key."""


@dataclass(frozen=True, slots=True)
class Result:
    """One result in one day's bucket.

    Attributes:
        source: the resource that was asked: a key of ``GROUPS``, or ``costs``.
        day: first second of the bucket.
        fields: the result's fields, as the API names them.
    """

    source: str
    day: int
    fields: Mapping[str, object]


class _Fields(Protocol):
    def to_dict(self) -> Mapping[str, object]: ...


class _Bucket(Protocol):
    start_time: int
    results: Sequence[_Fields]


class _Page(Protocol):
    data: Sequence[_Bucket]
    has_more: bool
    next_page: str | None


def client() -> OpenAI:
    """A client with the admin key of the environment.

    Raises:
        UsageError: without a key, or without an SDK that is new enough.
    """
    try:
        from openai import OpenAI
    except ImportError:
        raise UsageError(f"{_SDK}; none is installed") from None
    if not hasattr(OpenAI, "admin"):
        from openai import __version__

        raise UsageError(f"{_SDK}; {__version__} is installed")
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise UsageError(f"{KEY} is not set: an admin key of the organisation is needed, which may read its usage")
    return OpenAI(admin_api_key=key, api_key=os.environ.get("OPENAI_API_KEY") or "none")


def costs(client: OpenAI, start: int, end: int, projects: Sequence[str]) -> Iterator[Result]:
    """What was billed, by line item.

    Args:
        client: with an admin key.
        start: first second of the period.
        end: first second after it.
        projects: ids of projects; none for all.

    Raises:
        ApiError: if the API does not answer as documented.
    """
    yield from _results(client, "costs", ["line_item"], start, end, projects)


def usage(client: OpenAI, start: int, end: int, projects: Sequence[str]) -> Iterator[Result]:
    """What was used, as far as the client has resources for it; arguments and errors as for ``costs``."""
    for source, groups in GROUPS.items():
        if hasattr(client.admin.organization.usage, source):
            yield from _results(client, source, groups, start, end, projects)


def _results(
    client: OpenAI, source: str, groups: Sequence[str], start: int, end: int, projects: Sequence[str]
) -> Iterator[Result]:
    from openai import APIConnectionError, APIError, APIStatusError

    ask = getattr(client.admin.organization.usage, source)
    options: dict[str, object] = {"bucket_width": "1d", "limit": _MOST_BUCKETS.get(source, _OTHER_BUCKETS)}
    if groups:
        options["group_by"] = list(groups)
    if projects:
        options["project_ids"] = list(projects)
    seen: set[str] = set()
    while True:
        try:
            page = cast(_Page, ask(start_time=start, end_time=end, **options))
        except APIStatusError as error:
            raise ApiError(
                f"the API answered {error.status_code} to {source}: {_without_keys(error.message)}"
            ) from None
        except APIConnectionError as error:
            raise ApiError(f"the API cannot be reached: {_without_keys(str(error.__cause__ or error))}") from None
        except APIError as error:
            raise ApiError(f"the API's answer to {source} cannot be read: {_without_keys(error.message)}") from None
        except ValueError:
            raise ApiError(f"the API's answer to {source} is no JSON") from None
        try:
            for bucket in page.data:
                for result in bucket.results:
                    yield Result(source, bucket.start_time, result.to_dict())
            cursor = page.next_page if page.has_more else None
        except (AttributeError, TypeError):
            raise ApiError(f"the API's answer to {source} is not of the documented form") from None
        if not cursor:
            return
        if cursor in seen:
            raise ApiError(f"the API's answer to {source} has no end: page {cursor} came twice")
        seen.add(cursor)
        options["page"] = cursor


def _without_keys(message: str) -> str:
    """An error message of the API may repeat a part of the key."""
    key = os.environ.get(KEY, "").strip()
    return _SECRET.sub("sk-...", message.replace(key, "sk-...") if key else message)
