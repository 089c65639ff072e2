# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""One Prometheus for all tests here, and the programs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("dashboards.prometheus")

from dashboards import distribution  # noqa: E402
from dashboards.monitoring import Monitored, monitor  # noqa: E402
from support.server import Server  # noqa: E402


@pytest.fixture(scope="session")
def tools(pytestconfig: pytest.Config) -> distribution.Tools:
    """The distribution's Prometheus."""
    return _or_skip(distribution.current, pytestconfig)


@pytest.fixture(scope="session")
def newer_tools(pytestconfig: pytest.Config) -> distribution.Tools:
    """A Prometheus 3, which knows names with dots."""
    return _or_skip(distribution.newer, pytestconfig)


@pytest.fixture(scope="session")
def monitored(
    _server: Server, tools: distribution.Tools, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Monitored]:
    """An application that has worked, and a Prometheus that knows everything about it."""
    with monitor(_server, tools, tmp_path_factory.mktemp("prometheus")) as monitored:
        yield monitored


def _or_skip(find: Callable[[Path], distribution.Tools], pytestconfig: pytest.Config) -> distribution.Tools:
    pytest.importorskip("opentelemetry.exporter.prometheus", reason="needs the Prometheus exporter: tox -e dashboards")
    assert pytestconfig.cache is not None
    try:
        return find(pytestconfig.cache.mkdir("prometheus"))
    except distribution.Unavailable as error:
        pytest.skip(str(error))
