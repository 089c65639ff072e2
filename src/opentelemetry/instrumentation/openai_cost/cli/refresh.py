# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""A newer book out of a reviewed one and the price data of a newer genai-prices.

A build of the book compares two data sets and asks a person where they differ. Nobody is asked here, so this takes the least
that is safe: token prices that changed, in rows which came from genai-prices, and models that the book does not know. Whatever
a review left out (a tier, a dimension) stays out and is reported. Every row touched is marked ``single-source``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from ..money import plain
from ..pricing.keys import TOKEN_KEYS
from ..pricing.schema import GENAI, LONG, BookError, Model, Row, dump, models_of, order, parse, table, written_model
from ..provider import AZURE, OPENAI
from .genai import GenaiModel, genai_ids, genai_matches, read_genai
from .matching import found, steps
from .reviewed import is_overruled, is_sold

_IDS = {OPENAI: "openai", AZURE: "azure"}
"""What genai-prices calls the providers."""
_KEYS = tuple(prefix + key for prefix in ("", LONG) for key in TOKEN_KEYS)
_REASONING = ("gpt-[5-9]*", "o[1-9]*")
_UPLIFT = "1.1"
"""Of token prices on a regional host, for models released since 2026-03-05 (OpenAI's guide on data residency)."""


def installed() -> tuple[str, str]:
    """Version and text of the price data of the installed genai-prices; the package is not imported.

    Raises:
        BookError: if it is not installed.
    """
    try:
        version = metadata.version(GENAI)
        spec = PathFinder.find_spec("genai_prices")
    except metadata.PackageNotFoundError:
        raise BookError("genai-prices is not installed; it needs Python 3.11: pip install -U genai-prices") from None
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        path = Path(place) / "data.py"
        if path.is_file():
            return version, path.read_text(encoding="utf-8")
    raise BookError(f"genai-prices {version} has no data.py")


def is_newer(version: str, than: str) -> bool:
    """Whether a version of genai-prices is newer than another."""
    return _numbers(version) > _numbers(than)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def refresh(
    book: Mapping[str, object], source: str, version: str, today: str
) -> tuple[Mapping[str, object], tuple[str, ...]]:
    """The book with the changes of price, and the new models, that the data has.

    Args:
        book: a reviewed book.
        source: text of the data module.
        version: its version.
        today: ISO date: version of the new book, and first day of a price whose day of change the data does not tell.

    Returns:
        The new book (the old one if the data has nothing new), and what differs in the data and was not taken.

    Raises:
        BookError: if the data is not in a form known here.
    """
    providers: dict[str, object] = {}
    left: list[str] = []
    for name, models in models_of(book).items():
        section = table(table(book["providers"])[name])
        if name in _IDS:
            theirs = read_genai(source, _IDS[name], int(str(section["long_context_above"])))
            update = _Update(name, version, str(book["version"]), today, left)
            for key, model in models.items():
                match = _entry(theirs, key)
                if match is not None:
                    model.rows = update.rows(key, model.rows, match.rows)
            if name == OPENAI:
                models |= update.new_models(models, theirs)
        providers[name] = {**section, "models": {key: written_model(models[key]) for key in sorted(models)}}
    sources = {**table(book["sources"]), GENAI: version}
    if providers == book["providers"] and sources == book["sources"]:
        return book, tuple(left)
    new = {**book, "version": today, "sources": sources, "providers": providers}
    return parse(dump(new).encode()), tuple(left)


def _entry(models: Sequence[GenaiModel], name: str) -> GenaiModel | None:
    return next((model for model in models if genai_matches(model.match, name)), None)


@dataclass(frozen=True, slots=True)
class _Update:
    """Takes what is new for one provider; what it does not take goes into ``left``."""

    provider: str
    version: str
    reviewed: str
    today: str
    left: list[str]

    def rows(self, name: str, ours: Sequence[Row], theirs: Sequence[Row]) -> list[Row]:
        """The rows of one model with the prices that changed."""
        rows = {row.slot: row for row in ours}
        current = {row.tier: row for row in sorted(ours, key=order) if row.endpoint is None}
        for tier in dict.fromkeys(row.tier for row in theirs):
            mine = current.get(tier)
            if mine is None:
                self.left.append(f"{self.provider} {name} {tier}: the book has no such row")
                continue
            if mine.source != GENAI:
                continue
            history = sorted((row for row in theirs if row.tier == tier), key=order)
            known = max(self.reviewed, mine.start or "")
            dated = [row for row in history if (row.start or "") > known]
            for new in dated or history[-1:]:
                changed = self._changed(name, mine, new)
                if changed:
                    mine = self._row(mine, changed, new.start if dated else None)
                    rows[mine.slot] = mine
        return sorted(rows.values(), key=order)

    def _row(self, before: Row, changed: Mapping[str, Decimal], start: str | None) -> Row:
        note = f"genai-prices {self.version}, not reviewed"
        if start is None:
            start = self.today
            note += f"; the day of the change lies between {self.reviewed} and {self.today}"
        prices = {**before.prices, **changed}
        return replace(before, prices=prices, start=start, until=None, confidence="single-source", note=note)

    def _changed(self, name: str, mine: Row, new: Row) -> dict[str, Decimal]:
        """The token prices that both rows have and that differ."""
        where = f"{self.provider} {name} {new.tier}"
        changed: dict[str, Decimal] = {}
        for key in _KEYS:
            ours, theirs = mine.prices.get(key), new.prices.get(key)
            if theirs is None or theirs == ours:
                continue
            if ours is None:
                self.left.append(f"{where}: the book has no {key}, genai-prices says {plain(theirs)}")
            elif is_overruled(self.provider, name, new.tier, key):
                self.left.append(f"{where}: the review decided that {key} is {plain(ours)}, not {plain(theirs)}")
            else:
                changed[key] = theirs
        return changed

    def new_models(self, known: Mapping[str, Model], theirs: Sequence[GenaiModel]) -> dict[str, Model]:
        """The models that the book cannot price."""
        added: dict[str, Model] = {}
        note = f"genai-prices {self.version}, not reviewed"
        for name in sorted(genai_ids(theirs)):
            entry = _entry(theirs, name)
            if entry is None or not is_sold(self.provider, name) or found(steps(name, {**known, **added})) is not None:
                continue
            rows = [replace(row, confidence="single-source", note=note) for row in entry.rows if row.prices]
            facts: dict[str, object] = {"regional": _UPLIFT}
            if any(fnmatchcase(name, pattern) for pattern in _REASONING):
                facts["class"] = "reasoning"
            if rows:
                added[name] = Model(rows, facts)
        return added
