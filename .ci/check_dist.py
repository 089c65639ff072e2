# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Checks that the wheel and the sdist given as arguments contain what they should, and nothing else.

With ``--rebuild`` as the first argument both are also built again, from the sdist's files in another directory and at another time,
and must be the same to the byte; needs the package ``build``.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
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
    "requirements",
    "src",
    "tests",
    "tools",
    "tox.ini",
}
DATA = {".json", ".toml", ".typed"}
ROOT = Path(__file__).resolve().parent.parent
TEXT = {"", ".cfg", ".css", ".html", ".ini", ".json", ".md", ".py", ".sh", ".sse", ".toml", ".txt", ".yaml", ".yml"}
MAX_WHEEL = 2 * 1024 * 1024
"""Bytes; most of them are the price list."""


def source_files() -> set[str]:
    """The files of the package in the source tree, as the wheel must name them."""
    source = ROOT / "src"
    return {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def problems_of_wheel(path: Path) -> list[str]:
    """What is wrong with the wheel."""
    with zipfile.ZipFile(path) as wheel:
        listed = [name for name in wheel.namelist() if not name.endswith("/")]
        names = set(listed)
        problems_of_content = [
            problem for name in listed for problem in problems_of_text(PurePosixPath(name), wheel.read(name))
        ]
    packaged = {name for name in names if ".dist-info/" not in name}
    problems = [f"not in the source tree: {name}" for name in packaged - source_files()]
    problems += problems_of_content
    problems += [f"twice: {name}" for name in names if listed.count(name) > 1]
    if path.stat().st_size > MAX_WHEEL:
        problems.append(f"too large: {path.stat().st_size} bytes")
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
    problems: list[str] = []
    with tarfile.open(path) as sdist:
        members = [member for member in sdist.getmembers() if not member.isdir()]
        for member in members:
            file = sdist.extractfile(member) if member.isfile() else None
            if file is None:
                problems.append(f"neither file nor directory: {member.name}")
            else:
                problems += problems_of_text(PurePosixPath(member.name), file.read())
            if (member.uid, member.gid, member.uname, member.gname) != (0, 0, "", ""):
                problems.append(f"says who built it: {member.name}")
    names = [PurePosixPath(member.name) for member in members]
    problems += [f"not wanted: {name}" for name in names if name.parts[1] not in SDIST_TOP]
    problems += [f"not wanted: {name}" for name in names if "__pycache__" in name.parts]
    problems += [f"twice: {name}" for name in set(names) if names.count(name) > 1]
    problems += [f"leads outside: {name}" for name in names if name.is_absolute() or ".." in name.parts]
    tracked = tracked_files()
    if tracked is not None:
        files = {PurePosixPath(*name.parts[1:]).as_posix() for name in names} - {"PKG-INFO"}
        problems += [f"not under version control: {name}" for name in files - tracked]
    if not any("tests" in name.parts for name in names):
        problems.append("missing: the tests")
    return problems


def problems_of_text(name: PurePosixPath, content: bytes) -> list[str]:
    """Whether a file names a place of the machine on which it was built."""
    if name.suffix not in TEXT:
        return []
    places = {str(ROOT), str(Path.home())} - {"/"}
    return [f"names {place}: {name}" for place in places if f"{place}/".encode() in content]


def tracked_files() -> set[str] | None:
    """The files under version control, where this is a checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return set(listed.stdout.split("\0")) if listed.returncode == 0 else None


def problems_of_rebuild(paths: list[Path]) -> list[str]:
    """Which of the files come out different when they are built again."""
    problems: list[str] = []
    [sdist] = [path for path in paths if path.suffix != ".whl"]
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(sdist) as archive:
            archive.extractall(directory, filter="data")
        [source] = Path(directory).iterdir()
        for file in source.rglob("*"):
            file.touch()
        built = Path(directory) / "dist"
        command = [sys.executable, "-m", "build", "--outdir", str(built), str(source)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for path in paths:
            again = built / path.name
            if not again.exists():
                problems.append(f"not built again: {path.name}")
            elif digest(again) != digest(path):
                problems.append(f"different when built again: {path.name}")
    return problems


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: list[str]) -> int:
    """Print every problem; the exit status says whether there was one."""
    rebuild = arguments[:1] == ["--rebuild"]
    paths = [Path(argument) for argument in arguments[rebuild:]]
    found = [
        f"{path.name}: {problem}"
        for path in paths
        for problem in sorted(set(problems_of_wheel(path) if path.suffix == ".whl" else problems_of_sdist(path)))
    ]
    if rebuild:
        found += problems_of_rebuild(paths)
    for problem in found:
        print(problem)
    return 1 if found or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
