# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The book in force: read on first need, and again when the user's file changes."""

from __future__ import annotations

import json
import logging
import os
from decimal import Decimal
from pathlib import Path

import pytest

from opentelemetry.instrumentation.openai_cost.pricing import PriceSource, Quote, Terms, bundled_data, source
from opentelemetry.instrumentation.openai_cost.usage import Tokens, Usage

TERMS = Terms("acme", at=1795000000.0)
MILLION = Usage(Tokens(1_000_000, 0))


def price(of: PriceSource) -> Decimal | None:
    result = of.book().quote(MILLION, TERMS)
    return result.amount if isinstance(result, Quote) else None


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(source, "_LOOK_EVERY", 0.0)
    path = tmp_path / "prices.json"
    write(path, "1")
    return path


def write(path: Path, input_price: str, moment: int = 1) -> None:
    path.write_text(json.dumps({"models": {"acme": {"input": input_price, "output": "1"}}}))
    os.utime(path, (moment, moment))


def test_a_changed_file_is_not_read_again_by_default(file: Path) -> None:
    prices = PriceSource(file)
    assert price(prices) == 1
    write(file, "2", moment=2)
    assert price(prices) == 1


def test_a_changed_file_is_read_again_if_asked_for(file: Path) -> None:
    prices = PriceSource(file, reload=True)
    assert price(prices) == 1
    write(file, "2", moment=2)
    assert price(prices) == 2


def test_a_file_that_becomes_wrong_leaves_the_last_good_one_in_force_and_logs_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prices = PriceSource(file, reload=True)
    assert price(prices) == 1
    file.write_text("{")
    os.utime(file, (3, 3))
    assert [price(prices) for _ in range(3)] == [1, 1, 1]
    [record] = caplog.records
    assert "what it said before is used instead" in record.getMessage()


def test_a_file_that_vanishes_leaves_the_last_good_one_in_force(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    prices = PriceSource(file, reload=True)
    assert price(prices) == 1
    file.unlink()
    assert price(prices) == 1
    write(file, "3", moment=4)
    assert price(prices) == 3
    assert len(caplog.records) == 1


def test_a_newer_list_takes_the_place_of_the_bundled_one(tmp_path: Path) -> None:
    newer = json.loads(json.dumps(bundled_data())) | {"version": "2031-01-01"}
    newer["providers"]["openai"]["models"]["acme"] = {
        "rates": [{"tier": "standard", "input": "7", "output": "7", "source": "overlay"}]
    }
    path = tmp_path / "book.json"
    path.write_text(json.dumps(newer))
    prices = PriceSource(book=path)
    assert price(prices) == 7
    assert prices.book().version == "2031-01-01"


def test_a_list_that_cannot_be_used_is_one_error_and_the_bundled_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "book.json"
    path.write_text('{"version": "never"}')
    prices = PriceSource(book=path)
    assert prices.book().version == bundled_data()["version"]
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert str(path) in record.getMessage()


def test_a_list_older_than_sixty_days_logs_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "book.json"
    path.write_text(json.dumps({**bundled_data(), "version": "2024-01-01"}))
    prices = PriceSource(book=path)
    prices.book()
    prices.book()
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "days ago" in record.getMessage()
