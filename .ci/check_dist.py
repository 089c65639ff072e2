# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Checks that the wheel and the sdist given as arguments contain what they should, and nothing else."""

import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

PACKAGE = "opentelemetry/instrumentation/openai_cost/"
SDIST_TOP = {
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "NOTICE",
    "PKG-INFO",
    "README.md",
    "benchmarks",
    "dashboards",
    "docs",
    "examples",
    "mkdocs.yml",
    "pyproject.toml",
    "src",
    "tests",
    "tools",
    "tox.ini",
}
DATA = {".json", ".toml", ".typed"}


def source_files() -> set[str]:
    """The files of the package in the source tree, as the wheel must name them."""
    source = Path(__file__).parent.parent / "src"
    return {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def problems_of_wheel(path: Path) -> list[str]:
    """What is wrong with the wheel."""
    with zipfile.ZipFile(path) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
    packaged = {name for name in names if ".dist-info/" not in name}
    problems = [f"not in the source tree: {name}" for name in packaged - source_files()]
    problems += [f"missing: {name}" for name in source_files() - packaged]
    problems += [f"outside the package: {name}" for name in packaged if not name.startswith(PACKAGE)]
    problems += [
        f"neither code nor known data: {name}" for name in packaged if PurePosixPath(name).suffix not in DATA | {".py"}
    ]
    required = {PACKAGE + "py.typed", PACKAGE + "pricing/prices.json"}
    problems += [f"missing: {name}" for name in required - packaged]
    for legal in ("LICENSE", "NOTICE"):
        if not any(name.endswith(f".dist-info/licenses/{legal}") for name in names):
            problems.append(f"missing: {legal}")
    return problems


def problems_of_sdist(path: Path) -> list[str]:
    """What is wrong with the sdist."""
    with tarfile.open(path) as sdist:
        names = [PurePosixPath(member.name) for member in sdist.getmembers() if member.isfile()]
    problems = [f"not wanted: {name}" for name in names if name.parts[1] not in SDIST_TOP]
    problems += [f"not wanted: {name}" for name in names if "__pycache__" in name.parts]
    if not any("tests" in name.parts for name in names):
        problems.append("missing: the tests")
    return problems


def main(arguments: list[str]) -> int:
    """Print every problem; the exit status says whether there was one."""
    failed = False
    for path in map(Path, arguments):
        problems = problems_of_wheel(path) if path.suffix == ".whl" else problems_of_sdist(path)
        for problem in sorted(set(problems)):
            print(f"{path.name}: {problem}")
        failed = failed or bool(problems)
    return 1 if failed or not arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
