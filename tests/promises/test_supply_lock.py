# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""What development installs is locked: one version of each package, each file by its hash, from no place in particular."""

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements" / "dev.txt"
LOCKED_EXTRAS = ("dev", "test", "coexist")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")


def pins():
    """The lines of the lock, each with its hashes."""
    text = re.sub(r"\\\n\s*", "", LOCK.read_text())
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def locked(python):
    """Version of each package that is installed for that Python on Linux."""
    environment = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": "linux"}
    found = {}
    for line in pins():
        pin = Requirement(line.partition("--hash")[0].strip())
        if pin.marker is None or pin.marker.evaluate(environment):
            assert pin.name not in found, f"{pin.name} is locked twice for Python {python}"
            [one] = pin.specifier
            assert one.operator == "=="
            found[pin.name.lower()] = one.version
    return found


def declared(project, python):
    """What the project asks for, by itself and in the locked extras."""
    own = project["name"]
    asked = list(project["dependencies"])
    asked += [one for extra in LOCKED_EXTRAS for one in project["optional-dependencies"][extra]]
    for one in map(Requirement, asked):
        if one.name != own and (one.marker is None or one.marker.evaluate({"python_version": python})):
            yield one


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_a_version_of_everything_that_is_asked_for(python):
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    versions = locked(python)
    wrong = [
        f"{one} is locked as {versions.get(one.name.lower())}"
        for one in declared(project, python)
        if not one.specifier.contains(versions.get(one.name.lower(), "0"), prereleases=True)
    ]
    assert wrong == [], "make the lock again, as its head says"


def test_every_line_has_a_hash():
    assert pins()
    assert [line for line in pins() if not re.search(r"--hash=sha256:[0-9a-f]{64}", line)] == []


def test_the_lock_names_no_index():
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links| @ ", LOCK.read_text()) == []
