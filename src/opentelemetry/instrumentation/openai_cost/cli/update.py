# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""``update``: writes a newer price book, after it was checked. The one subcommand that fetches anything, and only when told to."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..money import plain
from ..pricing import bundled_data
from ..pricing.book import BUNDLED
from ..pricing.file import MAX_FILE
from ..pricing.gates import doubts
from ..pricing.schema import GENAI, MAX_BYTES, BookError, Model, dump, load, models_of, parse, table
from ..version import __version__
from . import diff
from .arguments import OK, REFUSED, UsageError, add_date, add_json, day_of, given_moment
from .layout import as_json
from .refresh import installed, is_newer, refresh

_TIMEOUT_S = 30
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A book that could be written.

    Attributes:
        book: the document.
        base: the book that it is compared with and must not be older than.
        objections: why it should not be written; ``--force`` overrules them.
        left: what the source has and the book does not take.
    """

    book: Mapping[str, object]
    base: Mapping[str, object]
    objections: tuple[str, ...]
    left: tuple[str, ...] = field(default=())


def add_to(parser: ArgumentParser) -> None:
    """The options of ``update``."""
    parser.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        required=True,
        help="a file, an https URL, or the word genai-prices for the data of the installed package of that name",
    )
    parser.add_argument(
        "--to", type=Path, metavar="PATH", required=True, help="the file to write, replaced in one step"
    )
    parser.add_argument(
        "--force", action="store_true", help="write an older book, or one with implausible prices, all the same"
    )
    add_date(parser, "with --from genai-prices: the day that becomes the book's version")
    add_json(parser)


def run(options: Namespace) -> int:
    """Writes the book and prints what changed; the status says whether it was written."""
    path, source = cast(Path, options.to), cast(str, options.source)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"--to {path}: no place for a file")
    if path.exists() and path.samefile(BUNDLED):
        raise UsageError(f"--to {path}: this is the bundled book; it is replaced by a newer version of the package")
    try:
        candidate = _candidate(source, path, day_of(given_moment(options)))
        force = cast(bool, options.force)
        if not candidate.objections or force:
            write(path, dump(candidate.book))
    except BookError as error:
        return _refuse([str(error)], options)
    except OSError as error:
        return _refuse([f"{path}: {error.strerror or error}"], options)
    if candidate.objections and not force:
        return _refuse([*candidate.objections, "not written; --force writes it all the same"], options)
    difference = diff.compare(candidate.base, candidate.book)
    if options.json:
        print(as_json({"written": str(path), "left": list(candidate.left), **diff.to_json(difference)}))
    else:
        print("\n".join([*diff.to_text(difference), *_left(candidate.left), "", f"wrote {path}"]))
    return OK


def _refuse(reasons: list[str], options: Namespace) -> int:
    if options.json:
        print(as_json({"written": None, "reasons": reasons}))
    else:
        print("\n".join(reasons), file=sys.stderr)
    return REFUSED


def _left(left: tuple[str, ...]) -> list[str]:
    differences = "difference" if len(left) == 1 else "differences"
    return ["", f"left to a review: {len(left)} {differences} (--json lists them)"] if left else []


# --- what to write ---------------------------------------------------------------------------------------------------


def _candidate(source: str, path: Path, today: str) -> Candidate:
    bundled = bundled_data()
    if source == GENAI:
        return from_genai(newest(bundled, path), *installed(), today)
    content = fetch(source) if "://" in source else _read(Path(source))
    try:
        return from_content(bundled, content)
    except BookError as error:
        raise BookError(f"{source}: {error}") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BookError(f"{path}: {error.strerror or error}") from error


def newest(bundled: Mapping[str, object], path: Path) -> Mapping[str, object]:
    """The book to start from: the one written before, unless the bundled one is newer.

    A price whose day of change is unknown holds from the day on which it was first seen: that day is in the earlier book.
    """
    if not path.exists():
        return bundled
    try:
        earlier = load(path)
    except BookError:
        return bundled  # it is about to be replaced
    return earlier if str(earlier["version"]) >= str(bundled["version"]) else bundled


def from_genai(base: Mapping[str, object], version: str, source: str, today: str) -> Candidate:
    """A book refreshed from the data of genai-prices.

    Raises:
        BookError: if the data cannot be read.
    """
    known = str(table(base["sources"]).get(GENAI, "0"))
    older = f"genai-prices {version} is installed; the book was made from {known}"
    if is_newer(known, version):
        return Candidate(base, base, (older,))
    book, left = refresh(base, source, version, max(today, str(base["version"])))
    # Of the version that the book was made from, the review has seen everything.
    return Candidate(book, base, tuple(implausible(book, base)), left if version != known else ())


def from_content(bundled: Mapping[str, object], content: bytes) -> Candidate:
    """A book as it stands in a file.

    Raises:
        BookError: if it is no book.
    """
    book = parse(content)
    objections = implausible(book, bundled)
    if str(book["version"]) < str(bundled["version"]):
        objections.insert(0, f"the book of {book['version']} is older than the bundled one of {bundled['version']}")
    return Candidate(book, bundled, tuple(objections))


def implausible(book: Mapping[str, object], base: Mapping[str, object]) -> list[str]:
    """What is implausible about a book and not already so in the one it comes after, which was reviewed."""
    known = set(doubts(base))
    lines = [line for line in doubts(book) if line not in known]
    lines += _against(book, base)
    size = len(dump(book).encode())
    if size > MAX_BYTES:
        lines.append(f"the book has {size} bytes, more than {MAX_BYTES}")
    return lines


def _against(book: Mapping[str, object], base: Mapping[str, object]) -> list[str]:
    """What has changed too much to be believed unseen: a price by more than five times, or many models gone."""
    lines: list[str] = []
    before, after = models_of(base), models_of(book)
    for provider, models in before.items():
        now = after.get(provider, {})
        gone = [name for name in models if name not in now]
        if len(gone) > len(models) // 4:
            lines.append(f"{provider}: {len(gone)} of {len(models)} models are gone")
        for name, model in models.items():
            if name in now:
                lines += _steep(f"{provider}: {name}", model, now[name])
    return lines


def _steep(where: str, old: Model, new: Model) -> list[str]:
    earlier = {row.slot: row.prices for row in old.rows}
    lines: list[str] = []
    for row in new.rows:
        known = earlier.get(row.slot)
        if known is None:
            continue
        for dimension, value in row.prices.items():
            before = known.get(dimension)
            if before and value and not before / 5 <= value <= before * 5:
                lines.append(f"{where}: {row.tier}: {dimension} goes from {plain(before)} to {plain(value)}")
    return lines


# --- effects ---------------------------------------------------------------------------------------------------------


class _OnlySecure(HTTPRedirectHandler):
    """Follows a redirect only to where one could have gone directly."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request to follow with, or an error."""
        _check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str) -> bytes:
    """The content behind a URL.

    Raises:
        BookError: if it cannot be had, or only without encryption from another machine.
    """
    _check(url)
    request = Request(url, headers={"User-Agent": f"opentelemetry-instrumentation-openai-cost/{__version__}"})
    try:
        with build_opener(_OnlySecure).open(request, timeout=_TIMEOUT_S) as answer:
            return cast(bytes, answer.read(MAX_FILE + 1))
    except (OSError, HTTPException, ValueError) as error:
        raise BookError(f"{url}: {getattr(error, 'reason', None) or error}") from error


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BookError(f"{url}: {error}") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise BookError(f"{url}: prices are taken over https only")


def write(path: Path, text: str) -> None:
    """Writes a file in one step: whoever reads it meanwhile sees the old one or the new one, whole.

    Raises:
        OSError: if it cannot be written; the old one is untouched then.
    """
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
