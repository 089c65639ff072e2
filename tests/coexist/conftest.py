# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Other instrumentations of the OpenAI client, on the test's providers and gone after it."""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest

pytest.register_assert_rewrite("coexist.calls", "coexist.process")

from coexist.patched import entries, restore  # noqa: E402
from support.telemetry import Telemetry  # noqa: E402


@pytest.fixture(autouse=True)
def pristine() -> Iterator[None]:
    """Whatever a test leaves behind on the client's classes, the next one finds none of it."""
    before = entries()
    yield
    restore(before)


def _starter(module: str, telemetry: Telemetry) -> Iterator[Callable[..., Any]]:
    instrumentor = import_module(module).OpenAIInstrumentor()

    def start(**options: Any) -> Any:
        options.setdefault("tracer_provider", telemetry.tracer_provider)
        options.setdefault("meter_provider", telemetry.meter_provider)
        instrumentor.instrument(**options)
        return instrumentor

    yield start
    if instrumentor.is_instrumented_by_opentelemetry:
        instrumentor.uninstrument()


@pytest.fixture
def official(telemetry: Telemetry) -> Iterator[Callable[..., Any]]:
    """``official(**options)`` instruments with the official package."""
    yield from _starter("opentelemetry.instrumentation.genai.openai", telemetry)


@pytest.fixture
def openinference(telemetry: Telemetry) -> Iterator[Callable[..., Any]]:
    """``openinference(**options)`` instruments with OpenInference."""
    yield from _starter("openinference.instrumentation.openai", telemetry)
