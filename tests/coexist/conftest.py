# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Other instrumentations of the OpenAI client, on the test's providers and gone after it."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

pytest.register_assert_rewrite("coexist.calls", "coexist.process")

from coexist.patched import entries, restore  # noqa: E402
from support.telemetry import Telemetry, instrumenting  # noqa: E402


@pytest.fixture(autouse=True)
def pristine() -> Iterator[None]:
    """Whatever a test leaves behind on the client's classes, the next one finds none of it."""
    before = entries()
    yield
    restore(before)


@pytest.fixture
def official(telemetry: Telemetry) -> Iterator[Callable[..., Any]]:
    """``official(**options)`` instruments with the official package."""
    yield from instrumenting(
        import_module("opentelemetry.instrumentation.genai.openai").OpenAIInstrumentor(), telemetry
    )


@pytest.fixture
def openinference(telemetry: Telemetry) -> Iterator[Callable[..., Any]]:
    """``openinference(**options)`` instruments with OpenInference."""
    yield from instrumenting(import_module("openinference.instrumentation.openai").OpenAIInstrumentor(), telemetry)
