# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``opentelemetry-openai-cost-demo``: the server, and the application under OpenTelemetry."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from .server import HOST, DemoServer

_APPLICATION = "opentelemetry.instrumentation.openai_cost.demo.app"
_NEEDED = {
    "openai": "openai",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.distro": "opentelemetry-distro",
    "websockets": "websockets",
}
_OWN = "OTEL_INSTRUMENTATION_OPENAI_COST_"
_TELEMETRY = {
    "OTEL_SERVICE_NAME": "bicycle-help-desk",
    # The application reads its own spans; nothing is to be sent anywhere.
    "OTEL_TRACES_EXPORTER": "none",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo.

    Args:
        arguments: of the command line; those of the process by default.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(
        prog="opentelemetry-openai-cost-demo",
        description="A small application, instrumented: what do its OpenAI calls cost? An embedded server"
        " plays OpenAI, unless OPENAI_API_KEY is set: then a handful of cheap calls go to the real one.",
    )
    parser.add_argument("--embedded", action="store_true", help="use the embedded server, key or not")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="file for what the embedded server reported")
    options = parser.parse_args(arguments)

    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    launcher = _launcher()
    if missing or launcher is None:
        print(f"The demo needs {', '.join(missing) or 'opentelemetry-instrument'}: install the extra [demo].")
        return 1
    if os.environ.get("OPENAI_API_KEY") and not options.embedded:
        return _live(launcher)
    return _embedded(launcher, options.ledger)


def embedded_environment(base_url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the application talks to the embedded server, and to nothing else.

    Settings for OpenAI and OpenTelemetry that happen to be there are left out.
    """
    kept = {name: value for name, value in environment.items() if not name.upper().startswith(("OTEL_", "OPENAI_"))}
    return {
        **kept,
        **_TELEMETRY,
        "OPENAI_API_KEY": "demo",
        "OPENAI_BASE_URL": base_url,
        # A host that is not OpenAI's is priced only if a price file says that it bills like OpenAI.
        f"{_OWN}PRICES": str(Path(__file__).with_name("hosts.toml")),
        "NO_PROXY": HOST,
        "no_proxy": HOST,
    }


def live_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the application talks to the real API, with the user's price file if any."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("OTEL_") or name in (f"{_OWN}PRICES", f"{_OWN}PROVIDER_COST_CURRENCY")
    }
    return {**kept, **_TELEMETRY}


def _embedded(launcher: str, ledger: Path | None) -> int:
    with DemoServer() as server:
        print(f"An embedded server plays OpenAI at {server.base_url}: nothing leaves this machine.")
        print("With OPENAI_API_KEY set, the same command makes a few cheap calls to the real one.\n")
        status = _run(launcher, [], embedded_environment(server.base_url, os.environ))
    if ledger is not None:
        ledger.write_text("".join(f"{entry.to_json()}\n" for entry in server.ledger), encoding="utf-8")
    return status


def _live(launcher: str) -> int:
    where = os.environ.get("OPENAI_BASE_URL") or "https://api.openai.com/v1"
    print(f"OPENAI_API_KEY is set: these calls go to {where} and are billed, well below one cent in all.")
    print("Use --embedded for the tour without an account.\n")
    return _run(launcher, ["--live"], live_environment(os.environ))


def _run(launcher: str, arguments: list[str], environment: dict[str, str]) -> int:
    application = ["-m", _APPLICATION, *arguments]
    print(f"$ opentelemetry-instrument python {' '.join(application)}\n", flush=True)
    command = [launcher, sys.executable, *application]
    status = subprocess.run(command, env=environment, check=False).returncode
    if status == 0:
        print(
            "\nYour own application: opentelemetry-instrument python app.py. Its spans have these numbers in"
            "\ngen_ai.usage.cost.amount and openai_cost.*, its metrics in gen_ai.client.operation.cost."
        )
    return status


def _launcher() -> str | None:
    """The ``opentelemetry-instrument`` that belongs to this interpreter."""
    places = [str(Path(sys.executable).parent), sysconfig.get_path("scripts")]
    return shutil.which("opentelemetry-instrument", path=os.pathsep.join(places))


if __name__ == "__main__":
    sys.exit(main())
