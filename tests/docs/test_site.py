# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The documentation as a site: built strictly, and complete without anything from elsewhere."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not (find_spec("mkdocs") and find_spec("material")), reason="MkDocs is not installed (tox -e docs installs it)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The built site."""
    target = tmp_path_factory.mktemp("site")
    # Whoever wanted to fetch something would have to get past this.
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)],
        cwd=ROOT,
        env={**os.environ, **nowhere, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return target


def test_every_page_is_built_and_in_the_navigation(site):
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")} - {"index"}
    navigation = (site / "index.html").read_text(encoding="utf-8")
    for page in pages:
        assert (site / page / "index.html").is_file()
        assert f'href="{page}/"' in navigation, f"{page}.md is not in the navigation of mkdocs.yml"


def test_no_page_loads_anything_from_elsewhere(site):
    loaded = re.compile(
        r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"(https?:)?//|<link\b(?![^>]*rel=\"canonical\")[^>]*\bhref=\"(https?:)?//|"
        r"@import|url\((?:\"|')?(?:https?:)?//"
    )
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > 8
    for path in files:
        found = loaded.search(path.read_text(encoding="utf-8"))
        assert found is None, f"{path.relative_to(site)}: {found and found[0]}"


def test_no_page_shows_what_markdown_did_not_understand(site):
    left = re.compile(r"(?:^|>)\s*#{2,} |\|---|\*\*|\]\(|```", re.MULTILINE)
    for path in site.rglob("index.html"):
        text = re.sub(r"<(pre|code|script|style)\b.*?</\1>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found = left.search(text)
        assert found is None, f"{path.relative_to(site)}: {text[found.start() :][:80] if found else None}"


def test_a_file_of_the_repository_that_a_page_links_to_is_in_the_site(site):
    linked = {
        target
        for page in (ROOT / "docs").glob("*.md")
        for target in re.findall(r"\]\(\.\./([\w./-]+)\)", page.read_text(encoding="utf-8"))
        if (ROOT / target).is_file()
    }
    assert "examples/zero_code.py" in linked
    for target in linked:
        assert (site / target).read_bytes() == (ROOT / target).read_bytes()


def test_the_pages_can_be_searched(site):
    index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
    assert "gen_ai.usage.cost.amount" in index
