# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the tests of the promises share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.telemetry import Telemetry

if TYPE_CHECKING:
    from promises.crowd import Turnstile


@pytest.fixture(autouse=True, scope="module")
def _light_garbage() -> Iterator[None]:
    """What is loaded by now is no garbage: collecting, which these tests do often, need not look at it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Turnstile]:
    """What telemetry and hook were told; kept, unless a test of what is left behind has its own."""
    from promises.crowd import Turnstile

    turnstile = Turnstile(tmp_path)
    yield turnstile
    turnstile.close()


@pytest.fixture
def application() -> Iterator[Telemetry]:
    """The application's own telemetry, in whose spans the situations happen."""
    application = Telemetry()
    yield application
    application.close()
