# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments that several subcommands share: the terms of a call, the day, and the price list."""

from __future__ import annotations

import re
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from ..pricing import Overrides, PriceFileError, Terms, bundled_data, overrides
from ..pricing.schema import PROVIDERS, BookError, load
from ..provider import OPENAI, server

OK, DIFFERENT, REFUSED, USAGE, PARTIAL, UNPRICED, FAILED = 0, 1, 1, 2, 3, 4, 5
"""Exit statuses."""

TIERS = ("default", "standard", "auto", "flex", "priority", "fast", "ultrafast", "scale", "batch")
ENDPOINTS = (
    "chat",
    "completions",
    "responses",
    "embeddings",
    "images",
    "speech",
    "transcriptions",
    "translations",
    "videos",
    "moderations",
    "realtime",
    "live",
    "decisions",
    "containers",
)
_COUNT = re.compile(r"(\d[\d_,]*)([kM]?)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MULTIPLES = {"": 1, "k": 1_000, "M": 1_000_000}
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class UsageError(Exception):
    """The command line, or a file that it names, cannot be used; the message says why."""


def count(text: str) -> int:
    """A number of tokens or other things: ``12345``, ``12_345``, ``12,345``, ``12k`` or ``1M``."""
    found = _COUNT.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(f"{text!r} is not a whole number such as 12345, 12_345 or 12k")
    return int(found[1].replace("_", "").replace(",", "")) * _MULTIPLES[found[2]]


def moment(text: str) -> float:
    """An ISO date (its first moment, UTC) or an ISO time (UTC where it names no zone), as seconds since the epoch."""
    try:
        at = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text)
    except ValueError:
        raise ArgumentTypeError(
            f"{text!r} is not a date such as 2026-11-22 or a time such as 2026-11-22T12:00:00Z"
        ) from None
    seconds = ((at if at.tzinfo else at.replace(tzinfo=timezone.utc)) - _EPOCH).total_seconds()
    if seconds < 0:
        raise ArgumentTypeError(f"{text!r} is before 1970")
    return seconds


def day_of(at: float) -> str:
    """The UTC day of a moment, as ISO date."""
    return (_EPOCH + timedelta(days=at // 86400)).date().isoformat()


def host(text: str) -> str:
    """A host name, alone or in a base URL such as ``https://eu.api.openai.com/v1``."""
    name = urlsplit(text).hostname if "://" in text else text.partition("/")[0].partition(":")[0]
    if not name:
        raise ArgumentTypeError(f"{text!r} names no host")
    return name.lower()


def add_terms(parser: ArgumentParser) -> None:
    """Options for what decides, besides model and usage, at which rates a call is billed."""
    group = parser.add_argument_group("terms")
    group.add_argument(
        "--tier", choices=TIERS, metavar="TIER", help="service tier: flex, priority (or fast), ultrafast, ..."
    )
    group.add_argument("--batch", action="store_true", help="the call ran in a batch")
    group.add_argument("--window", metavar="WINDOW", help="background completion window, such as 2h")
    where = group.add_mutually_exclusive_group()
    where.add_argument("--region", metavar="REGION", help="region of the OpenAI host, such as eu for eu.api.openai.com")
    where.add_argument(
        "--host", type=host, metavar="HOST", help="host name or base URL that was called (default: api.openai.com)"
    )
    group.add_argument("--provider", choices=PROVIDERS, help="whose price list holds (default: that of the host)")
    group.add_argument(
        "--endpoint",
        choices=ENDPOINTS,
        metavar="ENDPOINT",
        help="endpoint, where it matters: decisions, speech, images, videos, containers, ...",
    )


def add_date(parser: ArgumentParser, what: str = "day or time of the call") -> None:
    """The option ``--date``."""
    parser.add_argument("--date", type=moment, metavar="DATE", help=f"{what}, UTC, such as 2026-11-22 (default: now)")


def add_lists(parser: ArgumentParser) -> None:
    """Options for the price lists in use."""
    parser.add_argument(
        "--prices", type=Path, metavar="FILE", help="your price file (TOML or JSON), merged over the price book"
    )
    add_book(parser)


def add_book(parser: ArgumentParser) -> None:
    """The option ``--book``."""
    parser.add_argument("--book", type=Path, metavar="FILE", help="a price book to use instead of the bundled one")


def add_json(parser: ArgumentParser) -> None:
    """The option ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON; decimals are strings")


def given_moment(options: Namespace) -> float:
    """The moment of ``--date``, else now."""
    at = cast("float | None", options.date)
    return time.time() if at is None else at


def given_data(options: Namespace) -> Mapping[str, object]:
    """The price book of ``--book``, else the bundled one.

    Raises:
        UsageError: if it cannot be used.
    """
    path = cast("Path | None", options.book)
    if path is None:
        return bundled_data()
    try:
        return load(path)
    except BookError as error:
        raise UsageError(str(error)) from error


def given_overrides(options: Namespace) -> Overrides:
    """The user's file of ``--prices``.

    Raises:
        UsageError: if it cannot be used.
    """
    path = cast("Path | None", options.prices)
    if path is None:
        return Overrides()
    try:
        return overrides.read(path)
    except PriceFileError as error:
        raise UsageError(str(error)) from error


def given_terms(
    options: Namespace,
    model: str | None,
    at: float,
    tier: str | None = None,
    batch: bool = False,
    endpoint: str | None = None,
) -> Terms:
    """The terms of a call: what the options say, else what the arguments (read from a response) say."""
    region = cast("str | None", options.region)
    name = cast("str | None", options.host)
    price_list = cast("str | None", options.provider)
    if name is None and price_list in (None, OPENAI):
        name = f"{region}.api.openai.com" if region else "api.openai.com"
    if name is not None:
        far_end = server("https", name, None)
        region = region or far_end.region
        price_list = price_list or far_end.price_list
    return Terms(
        model=model,
        price_list=price_list,
        host=name,
        tier=cast("str | None", options.tier) or tier,
        batch=cast(bool, options.batch) or batch,
        window=cast("str | None", options.window),
        region=region,
        endpoint=cast("str | None", options.endpoint) or endpoint,
        at=at,
    )
