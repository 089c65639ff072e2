# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What the tests of the promises share."""

import gc
from collections.abc import Iterator

import pytest

from support.telemetry import Telemetry


@pytest.fixture(autouse=True, scope="module")
def _light_garbage() -> Iterator[None]:
    """What is loaded by now is no garbage: collecting, which these tests do often, need not look at it."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def application() -> Iterator[Telemetry]:
    """The application's own telemetry, in whose spans the situations happen."""
    application = Telemetry()
    yield application
    application.close()
