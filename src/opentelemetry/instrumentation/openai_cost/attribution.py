# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Attribution: whose money it is, from allow-listed baggage and from the application's own words.

Neither leaves the process by our doing: ``cost_attributes`` writes to the context and not to the baggage, which would be sent along
with every HTTP request.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from math import isfinite
from threading import Lock
from typing import NamedTuple, cast

from opentelemetry.baggage import get_all
from opentelemetry.context import Context, create_key, get_current
from opentelemetry.util.types import AttributeValue

from .fork import free_after_fork
from .scope import Scope

_logger = logging.getLogger(__package__)

OTHER = "_other"
"""Stands on metrics for every value beyond the limit."""
MAX_LENGTH = 128
"""Longer values are cut, in characters."""
_MAX_NAMES = 64
"""Different names that metrics may carry; they come from code, but code may make them of anything."""
_MAX_REMEMBERED = 1024
"""Combinations of values whose attributes are kept ready."""
_INT64 = 2**63
_RESERVED = ("gen_ai.", "openai", "error.")

_Value = str | bool | int | float
_Items = tuple[tuple[str, _Value, type], ...]
"""Names, values, and their types: ``1``, ``True`` and ``1.0`` are equal, and not the same."""
KEY = create_key("openai_cost-attributes")
"""Under which the context keeps what ``cost_attributes`` says."""


def is_reserved(name: str) -> bool:
    """Whether an attribute's name is the conventions' or ours, and so not to be had for attribution."""
    return name.startswith(_RESERVED)


class cost_attributes(Scope[_Items]):  # read as a verb, like the context managers of the standard library
    """Says whose money the calls inside are: a context manager and a decorator.

    The attributes go on the spans and on all metrics of the calls that begin inside, in tasks started there, and in threads that
    carry the context. What is said further inside wins, name by name, and over baggage of the same name. ``None`` says nothing.
    Text is cut to 128 characters; what is neither text, a boolean nor a number that can be exported is written as text. Names
    under ``gen_ai.``, ``openai`` and ``error.``, and what is no name, are refused with one logged error.

    Usage::

        with cost_attributes(feature="search", **{"tenant.id": tenant}):
            client.responses.create(...)

        @cost_attributes(feature="digest")
        async def digest(): ...

    Args:
        attributes: names that are no Python identifiers.
        **more: the others.
    """

    def __init__(self, attributes: Mapping[str, object] | None = None, /, **more: object) -> None:
        super().__init__(KEY)
        said: dict[str, _Value] = {}
        for name, value in {**(attributes or {}), **more}.items():
            if not _is_name(name):
                _report_once(f"openai_cost: cost_attributes does not take {name!r}: it is no name; it is left out")
            elif is_reserved(name):
                _report_once(
                    f"openai_cost: cost_attributes does not take {name!r}: names under gen_ai., openai and error. are reserved; "
                    "it is left out"
                )
            elif value is not None:
                said[name] = _plain(value)
        self._said = said

    def _make(self) -> _Items:
        outer: _Items = getattr(get_current().get(KEY), "value", ())
        said = {**_values(outer), **self._said}
        return tuple((name, value, type(value)) for name, value in said.items())

    def _finish(self, value: _Items) -> None:
        """Nothing is left to do."""


class Labels(NamedTuple):
    """Whose money a call is.

    Attributes:
        exact: for spans, events and budgets.
        counted: for metrics: values beyond the limit are ``_other``.
    """

    exact: Mapping[str, AttributeValue]
    counted: Mapping[str, AttributeValue]


class Attribution:
    """Reads the labels of a call from its context.

    Args:
        keys: baggage keys that become attributes.
        limit: distinct values of a name that metrics may carry.
    """

    def __init__(self, keys: Iterable[str], limit: int) -> None:
        self._keys, self._limit = tuple(keys), limit
        self._seen: dict[str, set[_Value]] = {}
        self._remembered: dict[tuple[object, ...], Labels | None] = {}
        self._lock = free_after_fork(Lock())

    def read(self, context: Context) -> Labels | None:
        """Whose money a call in this context is; ``None`` where nothing says so."""
        said: _Items = getattr(context.get(KEY), "value", ())
        if not self._keys:
            if not said:
                return None
            combination: tuple[object, ...] = said
        else:
            baggage = get_all(context)
            combination = (said, *[baggage.get(key) for key in self._keys])
        try:
            return self._remembered[combination]
        except KeyError:
            return self._remember(combination, said, context)
        except TypeError:
            # A value of baggage that cannot be hashed.
            return self._labels(said, context)

    def _remember(self, combination: tuple[object, ...], said: _Items, context: Context) -> Labels | None:
        labels = self._labels(said, context)
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[combination] = labels
        return labels

    def _labels(self, said: _Items, context: Context) -> Labels | None:
        exact: dict[str, AttributeValue] = {}
        if self._keys:
            baggage = get_all(context)
            for key in self._keys:
                value = baggage.get(key)
                if value is not None and value != "":
                    exact[key] = _text(value)
        exact.update(_values(said))
        if not exact:
            return None
        counted: dict[str, AttributeValue] = {}
        for name, value in exact.items():
            word = self._count(name, cast(_Value, value))
            if word is not None:
                counted[name] = word
        return Labels(exact, exact if counted == exact else counted)

    def _count(self, name: str, value: _Value) -> _Value | None:
        """A value as metrics carry it; ``None`` if they do not carry its name."""
        with self._lock:
            seen = self._seen.get(name)
            if seen is None and len(self._seen) < _MAX_NAMES:
                seen = self._seen[name] = set()
            if seen is not None:
                if value in seen:
                    return value
                if len(seen) < self._limit:
                    seen.add(value)
                    return value
        if seen is None:
            _report_once(f"openai_cost: attribution has more than {_MAX_NAMES} names; metrics carry no further ones")
            return None
        _report_once(
            f"openai_cost: {name!r} has more than {self._limit} values (baggage_limit); on metrics, others are counted as {OTHER!r}"
        )
        return OTHER


def _values(said: _Items) -> dict[str, _Value]:
    return {name: value for name, value, _ in said}


def _is_name(name: object) -> bool:
    return isinstance(name, str) and bool(name) and name == _exportable(name)


def _plain(value: object) -> _Value:
    if isinstance(value, bool):
        return value
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    return _text(value)


def _text(value: object) -> str:
    # Text as it is: an enumeration of texts would give the name of its member.
    return _exportable(value[:MAX_LENGTH] if isinstance(value, str) else str(value)[:MAX_LENGTH])


def _exportable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


_reported: set[str] = set()


def _report_once(message: str) -> None:
    if message not in _reported:
        _reported.add(message)
        _logger.error(message)
