# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Config: the options, from ``instrument()`` arguments, environment variables or declarative configuration."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

from .attribution import is_reserved
from .budget import Budget
from .hook import CostHook

_logger = logging.getLogger(__package__)

PREFIX = "OTEL_INSTRUMENTATION_OPENAI_COST_"
"""An environment variable is this prefix and the option's name in capitals."""

Spans = Literal["own", "current", "none"]
TokenMetrics = Literal["compat", "latest"]
StreamUsage = Literal["observe", "request"]
Alias = Literal["logfire", "openinference", "openlit", "langfuse"]
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
        baggage_keys: baggage keys that become attributes of spans and metrics.
        baggage_limit: distinct values of such an attribute on metrics; others are counted as ``_other``.
        rollup: whether the spans above a call carry the total of the calls below them.
        budgets: amounts whose spending is shown by gauges.
        cost_hook: function of the application's that is handed every ``CostEvent``.
        aliases: products under whose names the cost is written, too.
        summary: whether a table of what the process's calls cost is printed on standard error when it exits.
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
    baggage_keys: tuple[str, ...] = ()
    baggage_limit: int = 200
    rollup: bool = False
    budgets: tuple[Budget, ...] = ()
    cost_hook: CostHook | None = None
    aliases: tuple[Alias, ...] = ()
    summary: bool = False


IN_CODE = frozenset({"cost_hook"})
"""Options that are arguments of ``instrument()`` only."""
NOT_IN_ENVIRONMENT = IN_CODE | {"budgets"}
"""Options without an environment variable."""


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
    baggage_keys: list[str] | str | None = None
    baggage_limit: int | None = None
    rollup: bool | None = None
    budgets: list[dict[str, object]] | None = None
    aliases: list[str] | str | None = None
    summary: bool | None = None

    def __init__(self, **options: object) -> None:
        known = {option.name for option in fields(self)}
        for name, value in options.items():
            if name in known:
                setattr(self, name, value)
            else:
                _report_unknown("option", name)


def _report_unknown(kind: str, name: str) -> None:
    _logger.error("openai_cost: there is no %s %s; it is ignored", kind, name)


class _Invalid(ValueError):
    """A value that an option does not take.

    Args:
        message: what the option takes.
        rest: what of the value is used all the same, if some of it is.
    """

    def __init__(self, message: str, rest: object = None) -> None:
        super().__init__(message)
        self.rest = rest


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
        text = "" if name in NOT_IN_ENVIRONMENT else environment.get(variable, "").strip()
        value = _accept(variable, text, read, default, "the default") if text else default
        argument = arguments.get(name)
        if argument is not None:
            value = _accept(name, argument, read, value, "what is used without it")
        values[name] = value
    for name in arguments:
        if name not in values and name not in _FOREIGN:
            _report_unknown("option", name)
    for variable in environment:
        if variable.startswith(PREFIX) and variable not in _VARIABLES:
            _report_unknown("environment variable", variable)
    return Config(**values)  # type: ignore[arg-type]  # each value went through its option's reader


def _accept(name: str, value: object, read: Callable[[object], _T], fallback: object, called: str) -> object:
    try:
        return read(value)
    except _Invalid as problem:
        if problem.rest is not None:
            fallback, called = problem.rest, "the rest"
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


def _some_of(*names: str) -> Callable[[object], tuple[str, ...]]:
    def read(value: object) -> tuple[str, ...]:
        wanted = [each.strip().lower() for each in _strings(value)]
        known = tuple(name for name in names if name in wanted)
        if not {*names, ""}.issuperset(wanted):
            raise _Invalid("a list of " + ", ".join(names), known)
        return known

    return read


def _path(value: object) -> Path:
    if not isinstance(value, (str, Path)):
        raise _Invalid("a path")
    try:
        return Path(value).expanduser()
    except RuntimeError as problem:
        raise _Invalid("a path of a user that there is") from problem


def _currency(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Za-z]{3}", value.strip()):
        raise _Invalid("an ISO 4217 code such as USD")
    return value.strip().upper()


def _keys(value: object) -> tuple[str, ...]:
    keys = tuple(key.strip() for key in _strings(value) if key.strip())
    refused = [key for key in keys if is_reserved(key)]
    if refused:
        rest = tuple(key for key in keys if key not in refused)
        raise _Invalid(f"without {', '.join(refused)} (names under gen_ai., openai and error. are reserved)", rest)
    return tuple(dict.fromkeys(keys))


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return value.split(",")
    items = list(cast("Iterable[object]", value)) if isinstance(value, (list, tuple, set, frozenset)) else [None]
    if not all(isinstance(item, str) for item in items):
        raise _Invalid("a list of names")
    return cast("list[str]", items)


def _limit(value: object) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not text.isdecimal():
        raise _Invalid("a whole number")
    return int(text)


def _budgets(value: object) -> tuple[Budget, ...]:
    if not isinstance(value, (list, tuple)):
        raise _Invalid("a list of budgets")
    found: dict[str, Budget] = {}
    problems: list[str] = []
    for item in cast("Iterable[object]", value):
        try:
            budget = item if isinstance(item, Budget) else _budget(item)
            if budget.name in found:
                raise ValueError(f"there are two budgets {budget.name!r}")
            found[budget.name] = budget
        except (TypeError, ValueError) as problem:
            problems.append(str(problem))
    if problems:
        raise _Invalid(f"free of mistakes ({'; '.join(problems)})", tuple(found.values()))
    return tuple(found.values())


def _budget(item: object) -> Budget:
    # Any keyword may be missing, unknown or of the wrong kind: the constructor says so.
    make = cast("Callable[..., Budget]", Budget)
    return make(**cast("Mapping[str, object]", item))


def _function(value: object) -> CostHook:
    if not callable(value):
        raise _Invalid("a function")
    return value


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
    "baggage_keys": _keys,
    "baggage_limit": _limit,
    "rollup": _flag,
    "budgets": _budgets,
    "cost_hook": _function,
    "aliases": _some_of(*get_args(Alias)),
    "summary": _flag,
}

_VARIABLES = frozenset(PREFIX + name.upper() for name in _READERS if name not in NOT_IN_ENVIRONMENT)

_FOREIGN = frozenset(
    {"tracer_provider", "meter_provider", "logger_provider", "skip_dep_check", "raise_exception_on_conflict"}
)
"""Arguments that every instrumentor gets."""
