# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""A hook of MkDocs: pages that the navigation names and ``docs/`` does not have yet are left out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Takes away the entries whose page does not exist."""
    config["nav"] = existing(config["nav"], Path(config["docs_dir"]))
    return config


def existing(entries: list[Any], docs: Path) -> list[Any]:
    """The entries, and those below them, that name a page which is there."""
    kept: list[Any] = []
    for entry in entries:
        ((title, target),) = entry.items()
        if isinstance(target, list):
            kept.append({title: existing(target, docs)})
        elif (docs / target).is_file():
            kept.append(entry)
    return kept
