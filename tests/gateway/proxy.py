# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A LiteLLM proxy on the loopback interface, and what it says on the wire without any OpenAI client in between."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.request
from decimal import Decimal
from pathlib import Path
from typing import Any

from support.expect import MESSAGES

REPLY = "Hello there, how are you?"

_START = "import sys; from litellm import run_server; sys.exit(run_server())"
_LISTENING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:[1-9]\d*)")
_NOWHERE = "http://127.0.0.1:9"


def _configuration(upstream: str) -> dict[str, Any]:
    def model(name: str, behind: str, **options: Any) -> dict[str, Any]:
        return {"model_name": name, "litellm_params": {"model": behind, "api_key": "none", **options}}

    return {
        "model_list": [
            # At LiteLLM's own prices.
            model("gpt-4o-mini", "openai/gpt-4o-mini", mock_response=REPLY),
            model("text-embedding-3-small", "openai/text-embedding-3-small", mock_response=[0.1, 0.2, 0.3]),
            # At a price of the house, which is not OpenAI's.
            model(
                "gpt-4o",
                "openai/gpt-4o",
                mock_response=REPLY,
                input_cost_per_token=1e-06,
                output_cost_per_token=2e-06,
            ),
            # A name that we have a price for; what is behind it is unknown to LiteLLM, whose cost is then 0.
            model("gpt-5.5", "openai/house-model-1", mock_response=REPLY),
            model("text-embedding-3-large", "openai/house-embedding-1", mock_response=[0.1, 0.2, 0.3]),
            # The Responses API, whose streams LiteLLM cannot mock: these come from the test's server.
            model("gpt-5.6-sol", "openai/gpt-4o-mini", api_base=f"{upstream}/v1"),
        ]
    }


class Proxy:
    """A running proxy.

    Args:
        directory: where its configuration and its log go.
        upstream: origin of the server behind the models that are not mocked.
    """

    def __init__(self, directory: Path, upstream: str) -> None:
        self.key = f"sk-{secrets.token_hex(32)}"
        self._log = directory / "proxy.log"
        configuration = directory / "config.yaml"
        # JSON is YAML, too.
        configuration.write_text(json.dumps(_configuration(upstream)), encoding="utf-8")
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(directory),
            "LITELLM_MASTER_KEY": self.key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            # Nothing leaves the machine: whatever is not on the loopback interface is refused at once.
            "HTTP_PROXY": _NOWHERE,
            "HTTPS_PROXY": _NOWHERE,
            "NO_PROXY": "127.0.0.1",
        }
        arguments = ["--config", str(configuration), "--host", "127.0.0.1", "--port", "0", "--telemetry", "False"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, *arguments],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = self._wait_until_listening(120.0)
        except BaseException:
            self.close()
            raise

    def _wait_until_listening(self, seconds: float) -> str:
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._process.poll() is None:
            found = _LISTENING.search(self._log.read_text(encoding="utf-8", errors="replace"))
            if found is not None:
                return found[1]
            time.sleep(0.1)
        log = self._log.read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the LiteLLM proxy did not start:\n{log[-4000:]}")

    def close(self) -> None:
        """Stop the process."""
        self._process.terminate()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def port(self) -> int:
        """The TCP port that the system gave it."""
        return int(self.url.rpartition(":")[2])

    def post(self, path: str, body: dict[str, Any]) -> tuple[dict[str, str], bytes]:
        """Headers (lower case) and body of the answer to a request that no OpenAI client makes."""
        request = urllib.request.Request(
            f"{self.url}/v1/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            return {name.lower(): value for name, value in answer.headers.items()}, answer.read()

    def stated(self, path: str, body: dict[str, Any]) -> Decimal:
        """The cost that the proxy states for a request: in the header, or in the last event of a stream."""
        headers, answer = self.post(path, body)
        if not body.get("stream"):
            return Decimal(headers["x-litellm-response-cost"])
        assert "x-litellm-response-cost" not in headers
        last = answer.decode().split("data: ")[-2]
        return json.loads(last, parse_float=Decimal)["usage"]["cost"]


def chat(model: str, streamed: bool = False) -> dict[str, Any]:
    """The options of a chat completion; a stream asks for its usage."""
    options: dict[str, Any] = {"model": model, "messages": MESSAGES}
    return {**options, "stream": True, "stream_options": {"include_usage": True}} if streamed else options


def embeddings(model: str) -> dict[str, Any]:
    """The options of a request for embeddings."""
    return {"model": model, "input": "Hello", "encoding_format": "float"}
