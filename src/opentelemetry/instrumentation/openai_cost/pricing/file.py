# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""File: reads a price list or the user's prices, without waiting for anybody and without end."""

from __future__ import annotations

from pathlib import Path
from stat import S_ISREG

MAX_FILE = 8 * 1024 * 1024
"""Bytes; a list of all prices there are is a twentieth of it."""


def read(path: Path) -> bytes:
    """The content of a file.

    Raises:
        OSError: if it cannot be read, is no regular file (whoever reads a pipe waits for somebody to write), or is too large.
        ValueError: if the path is none.
    """
    if not S_ISREG(path.stat().st_mode):
        raise OSError("is not a file")
    with path.open("rb") as file:
        content = file.read(MAX_FILE + 1)
    if len(content) > MAX_FILE:
        raise OSError(f"is larger than {MAX_FILE} bytes")
    return content
