# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the dashboards beside this file, or into the directory that ``--to`` names.

pip install -r requirements.txt
python generate.py
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from dashboard import build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from naming import Dots, Underscores


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description="Write the Grafana dashboards.")
    parser.add_argument("--to", type=Path, default=Path(__file__).parent, metavar="DIRECTORY")
    to: Path = parser.parse_args().to
    for naming in (Underscores(), Dots()):
        text = json.dumps(build(naming), cls=JSONEncoder, indent=2, sort_keys=True)
        (to / f"{naming.uid}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
