# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The canary says what broke, also where the tests could not even begin."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import needs_entry_point

TOOL = Path(__file__).resolve().parents[2] / "tools/canary.py"

pytestmark = needs_entry_point

PASSES = "def test_it():\n    pass\n"
FAILS = "def test_it():\n    assert 1 == 2\n"
CANNOT_BE_IMPORTED = "import what_the_new_client_no_longer_has\n"


@pytest.mark.parametrize(
    ("files", "last_line", "status"),
    [
        ({"test_one.py": PASSES}, "nothing broke", 0),
        ({"test_one.py": PASSES, "test_two.py": FAILS}, "broken: 1 in test_two.py", 1),
        ({"test_one.py": CANNOT_BE_IMPORTED}, "broken: 1 in test_one.py", 2),
        (
            {"conftest.py": CANNOT_BE_IMPORTED, "test_one.py": PASSES},
            "broken: pytest ended with USAGE_ERROR, and no test had failed",
            4,
        ),
    ],
)
def test_the_last_line_says_what_broke(tmp_path, files, last_line, status):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    result = subprocess.run([sys.executable, TOOL, "."], cwd=tmp_path, capture_output=True, text=True, check=False)
    *before, last = result.stdout.splitlines()
    assert (last, result.returncode) == (last_line, status)
    assert any(line.startswith("openai ") for line in before)
