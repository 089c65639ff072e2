# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""One Phoenix server for all of these tests; they are skipped where it is not installed (``tox -e phoenix`` installs it)."""

from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution

import pytest

pytest.register_assert_rewrite("support.phoenix")

from support.phoenix import Phoenix  # noqa: E402


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Phoenix]:
    """The server."""
    try:
        distribution("arize-phoenix")
        distribution("opentelemetry-exporter-otlp-proto-http")
    except PackageNotFoundError as missing:
        pytest.skip(f"{missing.name} is not installed")
    with Phoenix(tmp_path_factory.mktemp("phoenix")) as server:
        yield server
