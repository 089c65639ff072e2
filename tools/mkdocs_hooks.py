# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Hooks of MkDocs: what makes a site of pages that are read in the repository, too.

Pages that the navigation names and ``docs/`` does not have yet are left out of it. Files of the repository that a page links to
become files of the site; a link to one that is not there becomes its text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./([\w./-]+)\)")
"""A link from a page of ``docs/`` to something beside ``docs/``: its text and its target."""


def on_config(config: Any) -> Any:
    """Takes away the entries of the navigation whose page does not exist."""
    config["nav"] = existing(config["nav"], Path(config["docs_dir"]))
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the files that pages link to."""
    linked = {target for file in files.documentation_pages() for _, target in _OUTSIDE.findall(file.content_string)}
    for target in sorted(linked):
        if (ROOT / target).is_file():
            files.append(File.generated(config, target, abs_src_path=str(ROOT / target)))
    return files


def on_page_markdown(markdown: str, **kwargs: Any) -> str:
    """Leads links to where those files are in the site."""
    return _OUTSIDE.sub(_inside, markdown)


def _inside(link: re.Match[str]) -> str:
    return f"[{link[1]}]({link[2]})" if (ROOT / link[2]).is_file() else link[1]


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
