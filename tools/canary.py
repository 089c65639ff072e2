# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Run the tests against whatever is installed, and report what is newer than declared and what broke.

Usage::

    tox -e canary [-- PYTEST ARGUMENTS]
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.metadata import distributions, requires

import pytest
from packaging.requirements import Requirement

DISTRIBUTION = "opentelemetry-instrumentation-openai-cost"


class Failures:
    """A pytest plugin that counts what failed, by file."""

    def __init__(self) -> None:
        self.by_file: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called by pytest for each phase of a test."""
        if report.failed:
            self.by_file[report.nodeid.partition("::")[0]] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called by pytest for each file it imports."""
        if report.failed:
            self.by_file[report.nodeid] += 1


def beyond(requirements: Iterable[str], installed: dict[str, str]) -> list[str]:
    """What is installed in a version that the package does not declare."""
    found = []
    for requirement in map(Requirement, requirements):
        version = installed.get(requirement.name)
        if version is not None and not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} {version} is outside of {requirement.specifier}")
    return sorted(set(found))


def verdict(status: pytest.ExitCode, failed: Counter[str]) -> list[str]:
    """What broke: the tests that failed, or else why pytest did not come to an end with them."""
    if failed:
        return [f"broken: {count} in {file}" for file, count in failed.most_common()]
    if status is pytest.ExitCode.OK:
        return ["nothing broke"]
    return [f"broken: pytest ended with {status.name}, and no test had failed"]


def main(arguments: Sequence[str]) -> int:
    """Command line entry; returns the exit status of pytest."""
    installed = {distribution.name: distribution.version for distribution in distributions()}
    failures = Failures()
    status = pytest.main(["-q", "--tb=short", *arguments], plugins=[failures])
    print()
    for name, version in sorted(installed.items()):
        if name.startswith(("openai", "opentelemetry-", "httpx", "pydantic", "wrapt")):
            print(f"{name} {version}")
    for line in beyond(requires(DISTRIBUTION) or (), installed):
        print(line)
    for line in verdict(pytest.ExitCode(status), failures.by_file):
        print(line)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
