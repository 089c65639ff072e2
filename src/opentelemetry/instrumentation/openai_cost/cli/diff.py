# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``diff``: what differs between two price books."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ..pricing import bundled_data
from ..pricing.schema import BookError, load
from .arguments import DIFFERENT, OK, UsageError, add_json
from .dimensions import in_order
from .layout import as_json, wrapped
from .matching import Entry, models_of, rows_of

_SLOT = ("tier", "endpoint", "from")


@dataclass(frozen=True, slots=True)
class Slot:
    """What tells the rows of a book apart."""

    provider: str
    model: str
    tier: str
    endpoint: str | None
    since: str | None

    def __str__(self) -> str:
        endpoint = f" ({self.endpoint})" if self.endpoint else ""
        since = f" from {self.since}" if self.since else ""
        return f"{self.provider} {self.model} {self.tier}{endpoint}{since}"


@dataclass(frozen=True, slots=True)
class Change:
    """A value that differs; ``None`` where one of the books has none."""

    key: str
    old: object
    new: object

    def __str__(self) -> str:
        return f"{self.key} {_shown(self.old)} -> {_shown(self.new)}"


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two books.

    Attributes:
        versions: the days on which they were reviewed.
        added: rows of the second alone.
        removed: rows of the first alone.
        changed: rows of both, with the values that differ.
        other: everything that is no row: sources, fees, regions, facts about models; by the place where it stands.
    """

    versions: tuple[str, str]
    added: Mapping[Slot, Entry]
    removed: Mapping[Slot, Entry]
    changed: Mapping[Slot, tuple[Change, ...]]
    other: Mapping[str, tuple[Change, ...]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.other)


def add_to(parser: ArgumentParser) -> None:
    """The options of ``diff``."""
    parser.add_argument("a", type=Path, metavar="A", help="a price book")
    parser.add_argument("b", type=Path, metavar="B", nargs="?", help="another (default: the bundled one)")
    add_json(parser)


def run(options: Namespace) -> int:
    """Prints the difference; the status says whether there is one."""
    second = cast("Path | None", options.b)
    try:
        a = load(cast(Path, options.a))
        b = bundled_data() if second is None else load(second)
    except BookError as error:
        raise UsageError(str(error)) from error
    difference = compare(a, b)
    print(as_json(to_json(difference)) if options.json else "\n".join(to_text(difference)))
    return DIFFERENT if difference else OK


def compare(a: Mapping[str, object], b: Mapping[str, object]) -> Difference:
    """What must be done to the first book to make it the second."""
    old, new = dict(_rows(a)), dict(_rows(b))
    changed = {slot: tuple(_changes(old[slot], row)) for slot, row in new.items() if slot in old}
    return Difference(
        versions=(str(a["version"]), str(b["version"])),
        added={slot: row for slot, row in new.items() if slot not in old},
        removed={slot: row for slot, row in old.items() if slot not in new},
        changed={slot: changes for slot, changes in changed.items() if changes},
        other=_others(dict(_facts(a)), dict(_facts(b))),
    )


def _rows(book: Mapping[str, object]) -> Iterator[tuple[Slot, Entry]]:
    for provider in cast(Mapping[str, object], book["providers"]):
        for model, entry in models_of(book, provider).items():
            for row in rows_of(entry):
                tier, endpoint, since = (cast("str | None", row.get(key)) for key in _SLOT)
                yield Slot(provider, model, tier or "", endpoint, since), row


def _changes(old: Entry, new: Entry) -> Iterator[Change]:
    flat_old, flat_new = dict(_flat(old)), dict(_flat(new))
    for key in in_order({*flat_old, *flat_new}):
        if flat_old.get(key) != flat_new.get(key):
            yield Change(key, flat_old.get(key), flat_new.get(key))


def _flat(row: Entry) -> Iterator[tuple[str, object]]:
    """The values of a row, the tables in it taken apart."""
    for key, value in row.items():
        if key in ("long", "images"):
            yield from ((f"{key} {name}", price) for name, price in cast(Mapping[str, object], value).items())
            if not value:
                yield key, "not published"
        elif key not in _SLOT:
            yield key, value


def _facts(book: Mapping[str, object]) -> Iterator[tuple[tuple[str, str], object]]:
    """Everything that is no row, by place and key."""
    yield ("book", "version"), book["version"]
    for name, version in cast(Mapping[str, object], book["sources"]).items():
        yield ("book", name), version
    for provider, section in cast(Mapping[str, Mapping[str, object]], book["providers"]).items():
        for key, value in section.items():
            if key in ("fees", "windows"):
                for name, entry in cast(Mapping[str, object], value).items():
                    yield (f"{provider} {key}", name), entry
            elif key != "models":
                yield (provider, key), value
        for model, entry in models_of(book, provider).items():
            yield from (((f"{provider} {model}", key), value) for key, value in entry.items() if key != "rates")


def _others(
    old: Mapping[tuple[str, str], object], new: Mapping[tuple[str, str], object]
) -> dict[str, tuple[Change, ...]]:
    found: dict[str, tuple[Change, ...]] = {}
    for place, key in dict.fromkeys((*old, *new)):
        before, after = old.get((place, key)), new.get((place, key))
        if before != after:
            found[place] = (*found.get(place, ()), Change(key, before, after))
    return found


def _shown(value: object) -> str:
    """A value of a book in a few characters: prices by their units, lists by their items."""
    if value is None:
        return "-"
    if isinstance(value, Mapping):
        entry = cast(Mapping[str, object], value)
        if "price" in entry:
            limits = [
                f"{key} {entry[key]}"
                for key in ("class", "from", "until", "minimum", "block", "maximum")
                if key in entry
            ]
            return " ".join([f"{entry['price']}/{entry['per']}", *limits])
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in entry.items() if key != "source")
    if isinstance(value, list):
        return "[" + ", ".join(_shown(item) for item in cast("list[object]", value)) + "]"
    return str(value)


# --- how it looks ----------------------------------------------------------------------------------------------------


def to_text(difference: Difference) -> list[str]:
    """The difference as lines of text."""
    if not difference:
        return [f"no difference; both of {difference.versions[0]}"]
    a, b = difference.versions
    lines = [f"price book of {a} -> price book of {b}"]
    blocks = {
        "changed": [_line(slot, ", ".join(map(str, changes))) for slot, changes in difference.changed.items()],
        "added": [_line(slot, _prices(row)) for slot, row in difference.added.items()],
        "removed": [_line(slot, _prices(row)) for slot, row in difference.removed.items()],
        "other": [_line(place, ", ".join(map(str, changes))) for place, changes in difference.other.items()],
    }
    for name, block in blocks.items():
        if block:
            lines += ["", name, *(line for paragraph in block for line in paragraph)]
    return [*lines, "", counts(difference)]


def counts(difference: Difference) -> str:
    """How many rows differ."""
    rows = ((difference.changed, "changed"), (difference.added, "added"), (difference.removed, "removed"))
    return "rows: " + ", ".join(f"{len(found)} {name}" for found, name in rows)


def _line(place: object, text: str) -> list[str]:
    return wrapped(f"{place}: {text}", "  ", "      ")


def _prices(row: Entry) -> str:
    flat = dict(_flat(row))
    return ", ".join(
        f"{key} {_shown(flat[key])}" for key in in_order(flat) if key not in ("source", "confidence", "note")
    )


def to_json(difference: Difference) -> dict[str, object]:
    """The difference as JSON."""
    return {
        "versions": list(difference.versions),
        "changed": [
            _slot(slot) | {"changes": {change.key: {"old": change.old, "new": change.new} for change in changes}}
            for slot, changes in difference.changed.items()
        ],
        "added": [_slot(slot) | {"row": dict(row)} for slot, row in difference.added.items()],
        "removed": [_slot(slot) | {"row": dict(row)} for slot, row in difference.removed.items()],
        "other": [
            {"place": place, "key": change.key, "old": change.old, "new": change.new}
            for place, changes in difference.other.items()
            for change in changes
        ],
    }


def _slot(slot: Slot) -> dict[str, object]:
    return {
        "provider": slot.provider,
        "model": slot.model,
        "tier": slot.tier,
        "endpoint": slot.endpoint,
        "from": slot.since,
    }
