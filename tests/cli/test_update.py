# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``update``: from a file, a URL or genai-prices; checked, and written whole or not at all."""

import copy
import http.server
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opentelemetry.instrumentation.openai_cost.cli.update import write
from opentelemetry.instrumentation.openai_cost.pricing import bundled_data
from opentelemetry.instrumentation.openai_cost.pricing.book import BUNDLED
from opentelemetry.instrumentation.openai_cost.pricing.schema import dump, load

Run = Callable[..., Any]
VERSION = str(bundled_data()["version"])


@pytest.fixture
def newer() -> dict[str, Any]:
    """The bundled book with a later day and a lower price of one model."""
    book: Any = copy.deepcopy(dict(bundled_data()))
    book["version"] = "2999-01-01"
    book["providers"]["openai"]["models"]["tts-1"]["rates"][0]["characters"]["price"] = "14"
    return book


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "written.json"


# --- from a file -----------------------------------------------------------------------------------------------------


def test_a_newer_book_is_written_and_what_changed_is_shown(
    run: Run, newer: dict[str, Any], save: Callable[..., Path], to: Path
) -> None:
    result = run("update", "--from", save(newer), "--to", to)

    assert result == (
        0,
        f"price book of {VERSION} -> price book of 2999-01-01\n"
        "\n"
        "changed\n"
        "  openai tts-1 standard: characters 15/1000000 -> 14/1000000\n"
        "\n"
        "other\n"
        f"  book: version {VERSION} -> 2999-01-01\n"
        "\n"
        "rows: 1 changed, 0 added, 0 removed\n"
        "\n"
        f"wrote {to}\n",
        "",
    )
    assert to.read_text(encoding="utf-8") == dump(newer)
    assert load(to) == newer
    assert [path.name for path in to.parent.iterdir() if path.name.startswith(".")] == []


def test_the_written_book_prices_calls(run: Run, newer: dict[str, Any], save: Callable[..., Path], to: Path) -> None:
    run("update", "--from", save(newer), "--to", to)

    result = run("quote", "--book", to, "--model", "tts-1", "--characters", "1000", "--json")

    assert (result.json["amount"], result.json["price_book"]) == ("0.014", "2999-01-01")


def test_the_same_as_json(run: Run, newer: dict[str, Any], save: Callable[..., Path], to: Path) -> None:
    told = run("update", "--from", save(newer), "--to", to, "--json").json

    assert (told["written"], told["left"], told["versions"]) == (str(to), [], [VERSION, "2999-01-01"])
    assert [row["model"] for row in told["changed"]] == ["tts-1"]


def test_an_older_book_is_refused_unless_forced(
    run: Run, newer: dict[str, Any], save: Callable[..., Path], to: Path
) -> None:
    newer["version"] = "2020-01-01"
    source = save(newer)

    refused = run("update", "--from", source, "--to", to)
    assert refused == (
        1,
        "",
        f"the book of 2020-01-01 is older than the bundled one of {VERSION}\n"
        "not written; --force writes it all the same\n",
    )
    assert not to.exists()

    assert run("update", "--from", source, "--to", to, "--force").status == 0
    assert load(to)["version"] == "2020-01-01"


def test_an_implausible_price_is_refused_unless_forced(
    run: Run, newer: dict[str, Any], save: Callable[..., Path], to: Path
) -> None:
    row = newer["providers"]["openai"]["models"]["gpt-4"]["rates"][0]
    row["cache_read"] = str(2 * int(row["input"]))
    source = save(newer)

    refused = run("update", "--from", source, "--to", to, "--json")

    assert refused.status == 1
    assert refused.json["written"] is None
    assert refused.json["reasons"][0] == "openai: gpt-4: standard: cache_read is above input"
    assert run("update", "--from", source, "--to", to, "--force").status == 0


def test_what_the_review_of_the_bundled_book_accepted_is_no_objection(run: Run, to: Path) -> None:
    result = run("update", "--from", BUNDLED, "--to", to)

    assert (result.status, result.out) == (0, f"no difference; both of {VERSION}\n\nwrote {to}\n")
    assert to.read_bytes() == BUNDLED.read_bytes()


def test_what_is_no_book_is_refused_even_by_force(
    run: Run, newer: dict[str, Any], save: Callable[..., Path], to: Path
) -> None:
    to.write_text("the old one")
    newer["providers"]["openai"]["models"]["tts-1"]["rates"][0]["characters"]["price"] = 14
    newer["providers"]["openai"]["models"]["tts-1"]["rates"][0]["tier"] = "express"
    source = save(newer)

    result = run("update", "--from", source, "--to", to, "--force")

    assert (result.status, result.err) == (1, f"{source}: openai: tts-1: rates[0]: unknown tier express\n")
    assert to.read_text() == "the old one"


def test_a_source_that_is_not_there_is_refused(run: Run, to: Path, tmp_path: Path) -> None:
    result = run("update", "--from", tmp_path / "none.json", "--to", to)

    assert (result.status, result.err) == (1, f"{tmp_path / 'none.json'}: No such file or directory\n")


def test_the_place_to_write_must_be_a_file_and_not_the_bundled_book(run: Run, tmp_path: Path) -> None:
    assert run("update", "--from", BUNDLED, "--to", tmp_path).status == 2
    assert run("update", "--from", BUNDLED, "--to", tmp_path / "no" / "where.json").status == 2
    bundled = run("update", "--from", BUNDLED, "--to", BUNDLED)
    assert bundled.status == 2
    assert "this is the bundled book; it is replaced by a newer version of the package" in bundled.err


# --- writing ---------------------------------------------------------------------------------------------------------


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(to: Path) -> None:
    to.write_text("the old one")

    with pytest.raises(UnicodeEncodeError):
        write(to, "half a book, then \ud800")

    assert to.read_text() == "the old one"
    assert [path.name for path in to.parent.iterdir()] == [to.name]


def test_a_replaced_file_keeps_its_mode_and_a_link_its_target(to: Path, tmp_path: Path) -> None:
    to.write_text("the old one")
    to.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(to)

    write(link, "the new one")

    assert link.is_symlink()
    assert to.read_text() == "the new one"
    assert stat.S_IMODE(to.stat().st_mode) == 0o640


def test_a_reader_sees_one_whole_file_or_the_other(to: Path) -> None:
    texts = ["a" * 100_000, "b" * 100_000]
    write(to, texts[0])
    ended = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not ended.is_set():
            seen.add(to.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(20):
        write(to, texts[turn % 2])
    ended.set()
    reader.join()

    assert seen <= set(texts)


# --- from a URL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def publisher(newer: dict[str, Any]) -> Iterator[str]:
    """A server that publishes the newer book at /book.json, and redirects from /elsewhere to another machine."""
    body = json.dumps(newer).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "http://prices.example/book.json")
                self.end_headers()
            elif self.path == "/book.json":
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            else:
                self.send_error(404, "Not Found")

        def log_message(self, format: str, *args: object) -> None:
            """Keeps quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [*os.environ]:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.usefixtures("_no_proxy")
def test_a_book_is_fetched_from_a_url(run: Run, publisher: str, to: Path, newer: dict[str, Any]) -> None:
    result = run("update", "--from", f"{publisher}/book.json", "--to", to)

    assert result.status == 0, result
    assert load(to) == newer


@pytest.mark.usefixtures("_no_proxy")
def test_a_url_that_has_no_book_is_refused(run: Run, publisher: str, to: Path) -> None:
    result = run("update", "--from", f"{publisher}/none.json", "--to", to)

    assert (result.status, result.err) == (1, f"{publisher}/none.json: Not Found\n")


@pytest.mark.usefixtures("_no_proxy")
def test_prices_are_taken_from_another_machine_over_https_only(run: Run, publisher: str, to: Path) -> None:
    direct = run("update", "--from", "http://prices.example/book.json", "--to", to)
    redirected = run("update", "--from", f"{publisher}/elsewhere", "--to", to)
    file = run("update", "--from", BUNDLED.as_uri(), "--to", to)

    assert direct.err == "http://prices.example/book.json: prices are taken over https only\n"
    assert redirected.err == direct.err
    assert file.err == f"{BUNDLED.as_uri()}: prices are taken over https only\n"
    assert {direct.status, redirected.status, file.status} == {1}
    assert not to.exists()


def test_an_address_that_is_none_is_refused(run, tmp_path):
    result = run("update", "--from", "http://[prices", "--to", tmp_path / "book.json")
    assert (result.status, result.err) == (1, "http://[prices: Invalid IPv6 URL\n")


# --- from genai-prices -----------------------------------------------------------------------------------------------


def model(name: str, **prices: str) -> str:
    arguments = ", ".join(f"{key}_mtok=Decimal('{price}')" for key, price in prices.items())
    return f"ModelInfo(id='{name}', match=ClauseEquals(equals='{name}'), prices=ModelPrice({arguments})),"


def test_prices_of_a_newer_genai_prices_are_taken_without_importing_it(
    run: Run, install_genai_prices: Callable[..., None], document: dict[str, Any], to: Path
) -> None:
    # The book written before is the one to start from, since it is not older than the bundled one.
    document["version"] = VERSION
    to.write_text(dump(document))
    install_genai_prices(
        "99.0", model("gpt-b", input="1.5", output="8", cache_read="0.3") + model("gpt-z", input="3", output="9")
    )

    result = run("update", "--from", "genai-prices", "--to", to, "--date", "2999-02-03")

    assert result == (
        0,
        f"price book of {VERSION} -> price book of 2999-02-03\n"
        "\n"
        "added\n"
        "  openai gpt-b standard from 2999-02-03: input 1.5, output 8\n"
        "  openai gpt-z standard: input 3, output 9\n"
        "\n"
        "other\n"
        f"  book: version {VERSION} -> 2999-02-03, genai-prices 0.2.3 -> 99.0\n"
        "  openai gpt-z: regional - -> 1.1\n"
        "\n"
        "rows: 0 changed, 2 added, 0 removed\n"
        "\n"
        "left to a review: 1 difference (--json lists them)\n"
        "\n"
        f"wrote {to}\n",
        "",
    )
    assert load(to)["version"] == "2999-02-03"


def test_a_book_written_before_that_cannot_be_read_or_is_older_is_replaced_from_the_bundled_one(
    run: Run, install_genai_prices: Callable[..., None], document: dict[str, Any], to: Path
) -> None:
    install_genai_prices("99.0", "")
    document["version"] = "2020-01-01"

    for earlier in ("no book", dump(document)):
        to.write_text(earlier)
        assert run("update", "--from", "genai-prices", "--to", to, "--date", "2999-02-03").status == 0
        assert load(to)["providers"] == bundled_data()["providers"]


def test_an_older_genai_prices_is_refused(run: Run, install_genai_prices: Callable[..., None], to: Path) -> None:
    install_genai_prices("0.0.1", "")
    known = bundled_data()["sources"]["genai-prices"]  # type: ignore[index]

    result = run("update", "--from", "genai-prices", "--to", to)

    assert result.status == 1
    assert result.err.splitlines()[0] == f"genai-prices 0.0.1 is installed; the book was made from {known}"
    assert not to.exists()


def test_a_steep_change_of_price_is_refused(
    run: Run, install_genai_prices: Callable[..., None], document: dict[str, Any], to: Path
) -> None:
    document["version"] = VERSION
    to.write_text(dump(document))
    install_genai_prices("99.0", model("gpt-b", input="0.2", output="8"))

    result = run("update", "--from", "genai-prices", "--to", to, "--date", "2999-02-03")

    assert result.status == 1
    assert "openai: gpt-b: standard: input goes from 2 to 0.2 on 2999-02-03" in result.err
    assert load(to)["version"] == VERSION


def test_data_in_an_unknown_form_is_refused(run: Run, install_genai_prices: Callable[..., None], to: Path) -> None:
    install_genai_prices("99.0", "ModelInfo(id='m', match=ClauseEquals(equals='m'), prices=ModelPrice(smell_mtok=1)),")

    result = run("update", "--from", "genai-prices", "--to", to, "--force")

    assert (result.status, result.err) == (1, "genai-prices: m: unknown price key smell_mtok\n")


def test_without_genai_prices_the_way_to_install_it_is_shown(
    run: Run, monkeypatch: pytest.MonkeyPatch, to: Path
) -> None:
    monkeypatch.setattr("sys.path", [])

    result = run("update", "--from", "genai-prices", "--to", to)

    assert result.status == 1
    assert result.err == "genai-prices is not installed; it needs Python 3.11: pip install -U genai-prices\n"


def test_a_book_with_every_price_of_a_model_ten_times_as_high_is_refused(
    run: Run, document: dict[str, Any], to: Path, tmp_path: Path
) -> None:
    steep = json.loads(json.dumps(bundled_data()))
    for row in steep["providers"]["openai"]["models"]["gpt-6-sol"]["rates"]:
        for prices in (row, row.get("long", {})):
            for name in ("input", "cache_read", "cache_write", "output"):
                if name in prices:
                    prices[name] = str(Decimal(prices[name]) * 10)
    path = tmp_path / "steep.json"
    path.write_text(json.dumps(steep))
    result = run("update", "--from", path, "--to", to)
    assert result.status == 1
    assert "openai: gpt-6-sol: standard: input goes from 2 to 20" in result.err
    assert not to.exists()


def test_a_book_without_most_of_the_models_is_refused(run: Run, to: Path, tmp_path: Path) -> None:
    small = json.loads(json.dumps(bundled_data()))
    models = small["providers"]["openai"]["models"]
    small["providers"]["openai"]["models"] = {name: models[name] for name in sorted(models)[:20]}
    path = tmp_path / "small.json"
    path.write_text(json.dumps(small))
    result = run("update", "--from", path, "--to", to)
    assert result.status == 1
    assert "models are gone" in result.err
