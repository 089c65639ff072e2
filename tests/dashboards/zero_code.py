# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""An application that knows nothing of OpenTelemetry, and how to run it under ``opentelemetry-instrument``."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

from dashboards.application import answers, make_calls
from support.clients import make_client
from support.server import Server

SERVICE = "help-desk"
TESTS = Path(__file__).parents[1]


def run(server: Server, protocol: str, endpoint: str, headers: str) -> None:
    """Makes a batch of calls, and exports to an OTLP receiver."""
    others = [each.name for each in entry_points(group="opentelemetry_instrumentor") if each.name != "openai_cost"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OPENAI_"))}
    environment = {
        **kept,
        "OTEL_SERVICE_NAME": SERVICE,
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_HEADERS": headers,
        "OTEL_INSTRUMENTATION_OPENAI_COST_COMPONENT_METRICS": "true",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": ",".join(others),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }
    server.queue(*answers())
    launcher = Path(sys.executable).with_name("opentelemetry-instrument")
    command = [str(launcher), sys.executable, "-m", "dashboards.zero_code", server.url]
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


if __name__ == "__main__":
    with make_client(sys.argv[1]) as client:
        make_calls(client)
