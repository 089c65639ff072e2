# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Prometheus as Debian packages it: the installed one, or one unpacked into a directory of the tests' own.

Nothing is installed and no service is started: the package is fetched with apt and unpacked, which needs no root.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_TIMEOUT = 300
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Unavailable(Exception):
    """There is no such Prometheus here; the message says why."""


@dataclass(frozen=True)
class Tools:
    """The programs, and their version."""

    prometheus: Path
    promtool: Path
    version: tuple[int, int]


def current(directory: Path) -> Tools:
    """What is installed, else what this system's distribution offers.

    Raises:
        Unavailable: neither is there.
    """
    installed = shutil.which("prometheus"), shutil.which("promtool")
    if installed[0] and installed[1]:
        return _tools(Path(installed[0]), Path(installed[1]))
    return _unpacked(directory, None)


def newer(directory: Path) -> Tools:
    """A Prometheus 3: what is installed if that is one, else that of Debian's unstable suite.

    Raises:
        Unavailable: there is none.
    """
    try:
        tools = current(directory)
    except Unavailable:
        tools = None
    return tools if tools and tools.version >= (3, 0) else _unpacked(directory, "sid")


def _tools(prometheus: Path, promtool: Path) -> Tools:
    try:
        text = _run([str(prometheus), "--version"])
    except OSError as error:
        raise Unavailable(f"{prometheus} does not run: {error}") from error
    major, minor = text.split("version ")[1].split(".")[:2]
    return Tools(prometheus, promtool, (int(major), int(minor)))


def _unpacked(directory: Path, suite: str | None) -> Tools:
    root = directory / (suite or "own")
    programs = root / "usr" / "bin" / "prometheus", root / "usr" / "bin" / "promtool"
    if not all(program.exists() for program in programs):
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise Unavailable("prometheus is not installed, and there is no apt to get it with")
        shutil.rmtree(root, ignore_errors=True)
        apt = _Apt(root, suite)
        # Older suites have both programs in one package.
        for package in ("prometheus", "promtool"):
            if not all(program.exists() for program in programs):
                apt.unpack(package)
        apt.close()
    return _tools(*programs)


class _Apt:
    """apt with lists and a cache of its own."""

    def __init__(self, root: Path, suite: str | None) -> None:
        self._root = root
        self._own = root / "apt"
        for path in ("state/lists/partial", "cache/archives/partial", "packages"):
            (self._own / path).mkdir(parents=True)
        self._options = ["-o", f"Dir::State::lists={self._own}/state/lists", "-o", f"Dir::Cache={self._own}/cache"]
        self._options += ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
        if suite is not None:
            sources = self._own / "sources.list"
            sources.write_text(f"{self._mirror(suite)}\n", encoding="utf-8")
            self._options += ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/dev/null"]
        _run(["apt-get", *self._options, "-o", "Acquire::Languages=none", "update"])

    def unpack(self, package: str) -> None:
        """Fetches a package and unpacks it over the others."""
        _run(["apt-get", *self._options, "download", package], self._own / "packages")
        for archive in (self._own / "packages").glob(f"{package}_*.deb"):
            _run(["dpkg-deb", "--extract", str(archive), str(self._root)])

    def close(self) -> None:
        """Drops lists and archives."""
        shutil.rmtree(self._own)

    def _mirror(self, suite: str) -> str:
        """A line for sources.list: the mirror that this system uses, with another suite."""
        targets = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"])
        signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
        for uri in targets.splitlines():
            if "security" not in uri:
                return f"deb {signed}{uri} {suite} main"
        raise Unavailable("apt knows no mirror of Debian")


def _run(command: list[str], directory: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{command[0]} took more than {_TIMEOUT} s") from error
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    return done.stdout + done.stderr
