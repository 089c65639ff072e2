# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Config: the options, from ``instrument()`` arguments, environment variables or declarative configuration."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar

_logger = logging.getLogger(__package__)

PREFIX = "OTEL_INSTRUMENTATION_OPENAI_COST_"
"""An environment variable is this prefix and the option's name in capitals."""

Spans = Literal["own", "current", "none"]
TokenMetrics = Literal["compat", "latest"]
StreamUsage = Literal["observe", "request"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Config:
    """The options in force.

    Attributes:
        prices: path of the user's price file.
        prices_reload: whether that file is read again when it changes.
        book: path of a newer price list, as ``opentelemetry-openai-cost update`` writes it.
        spans: ``own`` makes spans; ``current`` puts the cost on the span that is current at the call; ``none`` leaves only metrics.
        breakdown: whether spans carry the cost by part.
        provider_cost_currency: ISO 4217 code of amounts that a gateway reports in a field whose currency is not documented.
        count_foreign: whether background responses, batches, videos and runs that another process started are counted here.
        stream_usage: ``request`` asks for the usage of a stream where the caller did not, and keeps it from the caller.
        component_metrics: whether cost and tokens are also counted by disjoint part.
        chunk_metrics: whether every streamed chunk is timed.
        token_metrics: ``latest`` adds the redesigned token metrics.
    """

    prices: Path | None = None
    prices_reload: bool = False
    book: Path | None = None
    spans: Spans = "own"
    breakdown: bool = True
    provider_cost_currency: str | None = None
    count_foreign: bool = False
    stream_usage: StreamUsage = "observe"
    component_metrics: bool = False
    chunk_metrics: bool = False
    token_metrics: TokenMetrics = "compat"


@dataclass(init=False)
class Options:
    """The same options as declarative configuration names them; ``None`` leaves one to environment and default.

    Takes any keyword: an unknown one is one logged error, and the others hold all the same.
    """

    prices: str | None = None
    prices_reload: bool | None = None
    book: str | None = None
    spans: str | None = None
    breakdown: bool | None = None
    provider_cost_currency: str | None = None
    count_foreign: bool | None = None
    stream_usage: str | None = None
    component_metrics: bool | None = None
    chunk_metrics: bool | None = None
    token_metrics: str | None = None

    def __init__(self, **options: object) -> None:
        known = {option.name for option in fields(self)}
        for name, value in options.items():
            if name in known:
                setattr(self, name, value)
            else:
                _report_unknown(name)


def _report_unknown(name: str) -> None:
    _logger.error("openai_cost: there is no option %s; it is ignored", name)


class _Invalid(ValueError):
    """A value that an option does not take; the message says what it takes."""


def resolve(arguments: Mapping[str, object], environment: Mapping[str, str]) -> Config:
    """The configuration in force: argument before environment before default.

    A bad value is one logged error, and the next source down is used; nothing is raised, since an exception out of
    ``instrument()`` would abort every other instrumentation.

    Args:
        arguments: keyword arguments of ``instrument()``.
        environment: environment variables.
    """
    values: dict[str, object] = {}
    for option in fields(Config):
        name, read = option.name, _READERS[option.name]
        default = option.default
        variable = PREFIX + name.upper()
        text = environment.get(variable, "").strip()
        value = _accept(variable, text, read, default, "the default") if text else default
        argument = arguments.get(name)
        if argument is not None:
            value = _accept(name, argument, read, value, "what is used without it")
        values[name] = value
    for name in arguments:
        if name not in values and name not in _FOREIGN:
            _report_unknown(name)
    return Config(**values)  # type: ignore[arg-type]  # each value went through its option's reader


def _accept(name: str, value: object, read: Callable[[object], _T], fallback: object, called: str) -> object:
    try:
        return read(value)
    except _Invalid as problem:
        _logger.error("openai_cost: %s=%r is not %s; %s is used: %r", name, value, problem, called, fallback)
        return fallback


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text in ("true", "1", "yes", "on"):
        return True
    if text in ("false", "0", "no", "off"):
        return False
    raise _Invalid("true or false")


def _one_of(*names: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = str(value).strip().lower()
        if text not in names:
            raise _Invalid("one of " + ", ".join(names))
        return text

    return read


def _path(value: object) -> Path:
    if not isinstance(value, (str, Path)):
        raise _Invalid("a path")
    return Path(value).expanduser()


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z]{3}", value.strip()):
        raise _Invalid("an ISO 4217 code such as USD")
    return value.strip().upper()


_READERS: Mapping[str, Callable[[object], object]] = {
    "prices": _path,
    "prices_reload": _flag,
    "book": _path,
    "spans": _one_of("own", "current", "none"),
    "breakdown": _flag,
    "provider_cost_currency": _currency,
    "count_foreign": _flag,
    "stream_usage": _one_of("observe", "request"),
    "component_metrics": _flag,
    "chunk_metrics": _flag,
    "token_metrics": _one_of("compat", "latest"),
}

_FOREIGN = frozenset(
    {"tracer_provider", "meter_provider", "logger_provider", "skip_dep_check", "raise_exception_on_conflict"}
)
"""Arguments that every instrumentor gets."""
