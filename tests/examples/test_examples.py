# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The examples, run by the commands that their README shows."""

import re
import subprocess
import threading
from collections.abc import Iterator
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest

from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.expect import chat, money
from support.processes import (
    ROOT,
    TIMEOUT,
    console_spans,
    environment,
    fetch,
    fetch_when_up,
    free_port,
    needs_current_client,
    needs_entry_point,
    run,
)
from support.server import json_answer

EXAMPLES = ROOT / "examples"
README = (EXAMPLES / "README.md").read_text(encoding="utf-8")
COMMANDS = {
    re.search(r"(\w+)(\.py|:app)", line)[1]: line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
}
"""The command that runs an example, by the example's name."""

pytestmark = [needs_entry_point, needs_current_client]


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


def hosts(path: Path, provider: str) -> str:
    """A price file that says whose prices hold at the server."""
    path.write_text(f'{{"hosts": {{"127.0.0.1": {{"provider": "{provider}"}}}}}}', encoding="utf-8")
    return str(path)


def price_of_gpt_4o_mini(attributes: dict) -> Decimal:
    tokens_in, tokens_out = attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]
    return Decimal("0.15e-6") * tokens_in + Decimal("0.6e-6") * tokens_out


def test_every_example_of_this_directory_has_a_command_in_the_readme():
    examples = {path.stem for path in EXAMPLES.glob("*.py")}
    assert {"zero_code", "manual", "fastapi_streams", "gateway", "azure_openai"} <= examples
    assert set(COMMANDS) == examples
    for example in examples:
        assert f"[{example}.py]({example}.py)" in README


@pytest.mark.parametrize("example", ["zero_code", "manual"])
def test_the_span_of_an_example_says_what_the_call_cost(demo, example):
    output = run(COMMANDS[example], environment(demo.base_url)).stdout
    (span,) = console_spans(output)
    attributes = span["attributes"]
    (entry,) = demo.ledger
    assert span["name"] == "chat gpt-4o-mini"
    assert attributes["openai_cost.status"] == "priced"
    assert attributes["gen_ai.usage.input_tokens"] == entry.usage["prompt_tokens"]
    assert money(attributes["gen_ai.usage.cost.amount"]) == price_of_gpt_4o_mini(attributes)
    assert output.partition("{\n")[0].strip(), "the answer itself is printed, too"


def test_the_gateways_cost_is_passed_on_as_it_is(server):
    answer = json_answer(chat("gpt-4o-mini"), headers={"x-litellm-response-cost": "0.0123"})
    server.route("POST", "/v1/chat/completions", answer)
    (span,) = console_spans(
        run(COMMANDS["gateway"], environment("http://127.0.0.1:9", GATEWAY_URL=f"{server.url}/v1")).stdout
    )
    attributes = span["attributes"]
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.0123")
    assert attributes["gen_ai.usage.cost.source"] == "provider"
    assert attributes["gen_ai.usage.cost.currency"] == "USD"


def test_a_deployment_on_azure_is_priced_by_the_model_behind_it(server, tmp_path):
    server.route("POST", "/openai/deployments/our-deployment/chat/completions", json_answer(chat("gpt-4o-2024-11-20")))
    settings = environment(
        "http://127.0.0.1:9",
        AZURE_OPENAI_ENDPOINT=server.url,
        AZURE_OPENAI_API_KEY="test-key",
        OPENAI_API_VERSION="2025-04-01-preview",
        OTEL_INSTRUMENTATION_OPENAI_COST_PRICES=hosts(tmp_path / "prices.json", "azure.ai.openai"),
    )
    # AzureOpenAI does not take both.
    del settings["OPENAI_BASE_URL"]
    (span,) = console_spans(run(COMMANDS["azure_openai"], settings).stdout)
    attributes = span["attributes"]
    assert attributes["gen_ai.request.model"] == "our-deployment"
    assert attributes["gen_ai.response.model"] == "gpt-4o-2024-11-20"
    assert money(attributes["gen_ai.usage.cost.amount"]) == Decimal("0.0125")


@pytest.mark.skipif(not (find_spec("fastapi") and find_spec("uvicorn")), reason="FastAPI and uvicorn are not installed")
def test_two_streams_at_once_through_fastapi_are_priced_each(demo):
    command = f"{COMMANDS['fastapi_streams']} --port {(port := free_port())}"
    settings = environment(demo.base_url, OTEL_BSP_SCHEDULE_DELAY="100")
    with subprocess.Popen(command.split(), env=settings, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{port}/ask?question="
            fetch_when_up(f"{url}first")
            answers: list[str] = []
            askers = [
                threading.Thread(target=lambda word=word: answers.append(fetch(url + word)))
                for word in ("second", "third")
            ]
            for asker in askers:
                asker.start()
            for asker in askers:
                asker.join(TIMEOUT)
        finally:
            process.terminate()
            output, _ = process.communicate(timeout=TIMEOUT)
    # FastAPI may bring spans of its own.
    spans = [span for span in console_spans(output) if span["name"] == "chat gpt-4o-mini"]
    assert len(answers) == 2
    assert all(answers)
    assert len(spans) == 3
    for span in spans:
        attributes = span["attributes"]
        assert attributes["gen_ai.request.stream"] is True
        assert money(attributes["gen_ai.usage.cost.amount"]) == price_of_gpt_4o_mini(attributes)
