# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""An instrumented application in a process of its own: exposes its metrics, and makes a batch of calls on request."""

import subprocess
import sys
import urllib.request
from pathlib import Path

from dashboards.application import answers, attributed, make_calls, options
from support.server import Server

SERVICE = "shop"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Shop:
    """The running application.

    Args:
        server: answers its calls.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dashboards.shop", server.url],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.target = self._says()
        self.batches = 0

    def close(self) -> None:
        """Ends it."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def work(self, batches: int = 1) -> None:
        """Makes so many batches of calls."""
        for _ in range(batches):
            self._server.queue(*answers())
            assert self._process.stdin
            self._process.stdin.write("work\n")
            self._process.stdin.flush()
            assert self._says() == "done"
            self.batches += 1

    def exposed(self) -> str:
        """Its metrics, as OpenMetrics."""
        request = urllib.request.Request(f"http://{self.target}/metrics", headers={"accept": _OPENMETRICS})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def _says(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()


def main(url: str) -> None:
    """The application."""
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from prometheus_client import CollectorRegistry, start_http_server

    from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
    from support.clients import make_client

    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry)
    provider = MeterProvider([reader], resource=Resource.create({"service.name": SERVICE}))
    OpenAICostInstrumentor().instrument(meter_provider=provider, **options())
    exporter, _ = start_http_server(0, "127.0.0.1", registry)
    print(f"127.0.0.1:{exporter.server_port}", flush=True)
    client = make_client(url)
    for _ in sys.stdin:
        make_calls(client, attributed)
        print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
