# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A small price book of our own, so that no change of a real price changes what is expected here, and a way to run the command."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from opentelemetry.instrumentation.openai_cost.cli.__main__ import main

BOOK: dict[str, Any] = {
    "schema": 1,
    "version": "2026-11-22",
    "sources": {"genai-prices": "0.2.3", "litellm": "1.109.1"},
    "providers": {
        "openai": {
            "long_context_above": 272000,
            "regions": ["eu", "us"],
            "windows": {"2h": {"multiplier": "0.7", "source": "overlay"}},
            "fees": {
                "web_search": [{"price": "10", "per": 1000, "source": "overlay"}],
                "web_search_preview": [
                    {"class": "reasoning", "price": "10", "per": 1000, "source": "overlay"},
                    {"price": "25", "per": 1000, "source": "overlay"},
                ],
                "container_4g": [{"from": "2026-06-02", "price": "0.12", "per": 20, "minimum": 5, "source": "overlay"}],
            },
            "models": {
                "draw-1": {
                    "rates": [
                        {
                            "tier": "standard",
                            "input": "5",
                            "output": "40",
                            "images": {"high 1024x1024": "0.167", "low 1024x1024": "0.011"},
                            "source": "litellm",
                        }
                    ]
                },
                "ft:gpt-b": {"rates": [{"tier": "standard", "input": "3", "output": "12", "source": "litellm"}]},
                "gpt-a": {
                    "class": "reasoning",
                    "regional": "1.1",
                    "rates": [
                        {"tier": "standard", "input": "5", "cache_read": "0.5", "output": "30", "source": "overlay"},
                        {
                            "tier": "standard",
                            "from": "2026-08-21",
                            "input": "4",
                            "cache_read": "0.4",
                            "cache_write": "5",
                            "output": "20",
                            "long": {"input": "8", "cache_read": "0.8", "cache_write": "10", "output": "30"},
                            "source": "genai-prices",
                        },
                        {
                            "tier": "priority",
                            "until": "2026-12-31",
                            "input": "8",
                            "cache_read": "0.8",
                            "cache_write": "10",
                            "output": "40",
                            "long": {},
                            "source": "genai-prices",
                            "confidence": "disputed",
                            "note": "announced to end",
                        },
                    ],
                },
                "gpt-b": {
                    "retires": "2027-04-01",
                    "rates": [
                        {
                            "tier": "standard",
                            "input": "2",
                            "output": "8",
                            "source": "genai-prices",
                            "confidence": "single-source",
                        },
                        {"tier": "batch", "input": "1", "output": "4", "source": "genai-prices"},
                    ],
                },
                "speech-1": {
                    "rates": [
                        {"tier": "standard", "characters": {"price": "15", "per": 1000000}, "source": "genai-prices"}
                    ]
                },
                "live-1": {
                    "rates": [{"tier": "standard", "audio_seconds": {"price": "0.05", "per": 60}, "source": "litellm"}]
                },
                "film-1": {
                    "rates": [{"tier": "standard", "video_seconds": {"price": "0.1", "per": 1}, "source": "litellm"}]
                },
            },
        },
        "azure.ai.openai": {
            "long_context_above": 272000,
            "models": {
                "gpt-b": {"rates": [{"tier": "standard", "input": "2.2", "output": "8.8", "source": "litellm"}]}
            },
        },
    },
}


class Result(NamedTuple):
    """What the command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, parsed."""
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Runs the command in this process."""

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return Result(status, *capsys.readouterr())

    return run


@pytest.fixture
def document() -> dict[str, Any]:
    """The small book, for a test to change."""
    return copy.deepcopy(BOOK)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Writes a document as JSON into the test's directory."""

    def save(value: object, name: str = "book.json") -> Path:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return path

    return save


@pytest.fixture
def book(save: Callable[..., Path]) -> Path:
    """The small book as a file."""
    return save(BOOK)


@pytest.fixture
def install_genai_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a package genai-prices of our own making before any real one; importing it would end the test run."""

    def install(version: str, models: str) -> None:
        site = tmp_path / "site"
        package, info = site / "genai_prices", site / f"genai_prices-{version}.dist-info"
        for folder in (package, info):
            folder.mkdir(parents=True)
        bomb = "raise SystemExit('genai_prices was imported')\n"
        (package / "__init__.py").write_text(bomb)
        (package / "data.py").write_text(genai_data(models))
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: genai-prices\nVersion: {version}\n")
        monkeypatch.syspath_prepend(site)

    return install


def genai_data(models: str) -> str:
    """Text of a data module in the form of genai-prices."""
    return f"providers = [Provider(id='azure', models=[]), Provider(id='openai', models=[{models}])]\n"
