# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The user's price file: data only, and whatever becomes of it while it is in use, calls are priced and nobody notices."""

import logging
import os
from decimal import Decimal

import pytest

from opentelemetry.instrumentation.openai_cost.pricing import source
from promises.accounts import counted
from support.expect import ask, chat, money
from support.server import json_answer

OURS = "opentelemetry.instrumentation.openai_cost"
BOOK = Decimal("0.035")
"""What the call costs by the bundled list: 1000 tokens in at 5 and 1000 out at 30 for a million."""


def prices(dollars):
    return f'[models."gpt-5.5"]\ninput = "{dollars}"\noutput = "{dollars}"\n'


@pytest.fixture
def file(tmp_path):
    """The user's file; one and one dollar for a million tokens, so that the call costs 0.002."""
    file = tmp_path / "prices.toml"
    file.write_text(prices(1))
    return file


@pytest.fixture
def look_often(monkeypatch):
    """The file is looked at before every call, not once a second."""
    monkeypatch.setattr(source, "_LOOK_EVERY", 0.0)


@pytest.fixture
def cost(server, client, telemetry):
    """Makes a call; says what it cost."""
    one = client()

    def call():
        server.queue(json_answer(chat()))
        ask(one)
        return money(telemetry.spans()[-1].attributes["gen_ai.usage.cost.amount"])

    return call


def complaints(caplog):
    return [
        line.getMessage() for line in caplog.records if line.name.startswith(OURS) and line.levelno >= logging.ERROR
    ]


def vanish(file):
    file.unlink()


def become_a_directory(file):
    file.unlink()
    file.mkdir()


def become_a_pipe(file):
    file.unlink()
    os.mkfifo(file)


def become_empty(file):
    file.write_text("")


def break_off(file):
    file.write_text(prices(7)[:25])


def become_bytes(file):
    file.write_bytes(bytes(range(256)))


def become_deep(file):
    file.write_text("x = " + "[" * 100_000)


def become_large(file):
    file.write_text("#" + "x" * 20 * 2**20)


def price_nonsense(file):
    file.write_text(prices("NaN"))


def price_below_nothing(file):
    file.write_text(prices("-1"))


def price_beyond_bounds(file):
    file.write_text(prices("1e999999"))


CHANGES = (
    vanish,
    become_a_directory,
    become_a_pipe,
    break_off,
    become_bytes,
    become_deep,
    become_large,
    price_nonsense,
    price_below_nothing,
    price_beyond_bounds,
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_that_is_spoilt_while_in_use_says_what_it_said_before(
    instrument, telemetry, file, cost, look_often, change, caplog
):
    instrument(prices=file, prices_reload=True)
    assert cost() == Decimal("0.002")
    change(file)
    assert [cost() for _ in range(3)] == [Decimal("0.002")] * 3
    assert counted(telemetry) == (4, 0)
    assert len(complaints(caplog)) == 1


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_file_that_is_spoilt_from_the_beginning_leaves_the_bundled_list(
    instrument, telemetry, file, cost, change, caplog
):
    change(file)
    instrument(prices=file)
    assert [cost() for _ in range(3)] == [BOOK] * 3
    assert counted(telemetry) == (3, 0)
    assert len(complaints(caplog)) == 1


def test_a_file_that_comes_back_holds_again(instrument, file, cost, look_often):
    instrument(prices=file, prices_reload=True)
    assert cost() == Decimal("0.002")
    vanish(file)
    assert cost() == Decimal("0.002")
    file.write_text(prices(3))
    assert cost() == Decimal("0.006")
    become_empty(file)
    assert cost() == BOOK


def test_a_file_that_vanishes_and_is_not_read_again_is_not_missed(instrument, file, cost):
    instrument(prices=file)
    assert cost() == Decimal("0.002")
    vanish(file)
    assert cost() == Decimal("0.002")


@pytest.mark.parametrize(
    "hostile",
    [
        'include = "/etc/passwd"',
        "[models.\"gpt-5.5\"]\ninput = \"__import__('os').system('touch {}')\"",
        '[models."gpt-5.5"]\ninput = "${{HOME}}"',
        '[models."gpt-5.5"]\n__class__ = "1"',
        '[[discounts]]\nmatch = "[[[[*"\npercent = 10',
        '[[discounts]]\nmatch = "' + "*a" * 500 + '*"\npercent = 10',
        '[hosts."api.openai.com/../.."]\nprovider = "evil"',
    ],
)
def test_a_file_is_data_and_nothing_in_it_is_run_or_followed(instrument, telemetry, file, cost, hostile):
    trace = file.parent / "trace"
    file.write_text(hostile.format(trace) if "{}" in hostile else hostile)
    instrument(prices=file)
    assert cost() == BOOK
    assert not trace.exists()
    assert counted(telemetry) == (1, 0)
