# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Every block of code of the documentation is run, and its names are names of the code.

A block after ``<!-- file: NAME -->`` is a file that the other blocks of its page find in their directory.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest

from opentelemetry.instrumentation.openai_cost.demo.server import DemoServer
from support.processes import ROOT, TIMEOUT, console_spans, environment, needs_current_client, needs_entry_point, run
from support.server import Answer, Server

DOCS = ROOT / "docs"
PAGES = ("index", "configuration", "attribution", "your-prices", "accuracy", "recipes", "migrating")
BLOCK = re.compile(
    r"(?:<!-- (?P<key>[\w ]+?)(?:: (?P<value>\S+))? -->\n)?^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.M | re.S
)
OTLP = "opentelemetry-exporter-otlp-proto-http"
SURROUNDINGS = """
from types import SimpleNamespace

import openai

from opentelemetry.instrumentation.openai_cost import Budget, CostEvent, OpenAICostInstrumentor, cost_attributes, track_cost

client, question, tenant = openai.OpenAI(), "Why?", "acme"
agent = SimpleNamespace(done=False)
agent.step = lambda: setattr(agent, "done", True)
"""
"""What the application around the blocks of the page on attribution has, as far as they do not say it themselves."""
THIS_HOST = '\n[hosts."127.0.0.1"]\nprovider = "openai"\n'


class Block(NamedTuple):
    """A block of code in a page.

    Attributes:
        page: name of the page.
        line: where in the page it begins.
        key: what the comment before it says it is, if there is one.
        value: and its name.
        language: as the page says.
        text: the code.
    """

    page: str
    line: int
    key: str
    value: str
    language: str
    text: str


def read(page: str) -> list[Block]:
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    found = [
        Block(
            page,
            text.count("\n", 0, match.start("text")) + 1,
            match["key"] or "",
            match["value"] or "",
            match["language"],
            match["text"],
        )
        for match in BLOCK.finditer(text)
    ]
    assert text.count("```") == 2 * len(found), f"{page}.md has a block that is not understood"
    return found


BLOCKS = [block for page in PAGES for block in read(page)]


def of(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def name(block: Block) -> str:
    return f"{block.page}-{block.line}"


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer() as server:
        yield server


@pytest.fixture
def directory(tmp_path) -> Path:
    """Where the reader of a page works."""
    return tmp_path


def write_files(page: str, directory: Path) -> None:
    for block in BLOCKS:
        if block.page == page and block.key == "file":
            text = block.text + (THIS_HOST if block.value == "prices.toml" else "")
            (directory / block.value).write_text(text, encoding="utf-8")


def follow(block: Block, directory: Path, settings: dict[str, str]) -> str:
    """Does what the lines of a shell block say, and returns what they print."""
    write_files(block.page, directory)
    printed = ""
    for line in block.text.splitlines():
        if line.startswith("export "):
            key, _, value = line.removeprefix("export ").partition("=")
            settings[key] = value if key != "OPENAI_API_KEY" else "demo"
        elif line.startswith("pip install "):
            assert_are_packages(shlex.split(line)[2:])
        else:
            printed += run(line, settings, directory).stdout
    return printed


def assert_are_packages(names: list[str]) -> None:
    """They are this package, or those that its metadata names, so that a mistyped name is found without a network."""
    name, _, extra = names[0].rstrip("]").partition("[")
    found = distribution(name)
    assert set(names[1:]) <= {re.split(r"[ ;<>=~!\[]", each)[0] for each in found.requires or ()}
    assert {extra} <= {"", *found.metadata.get_all("Provides-Extra", ())}


def needs_otlp(block: Block) -> bool:
    return "OTEL_EXPORTER_OTLP" in block.text


@needs_entry_point
@needs_current_client
@pytest.mark.parametrize("block", [block for block in of("sh") if not needs_otlp(block)], ids=name)
def test_the_commands_of_a_page_succeed(block, demo, directory):
    if "prices.toml" in block.text and sys.version_info < (3, 11):
        pytest.importorskip("tomli")
    if "OTEL_CONFIG_FILE" in block.text:
        pytest.importorskip("opentelemetry.configuration", reason="opentelemetry-configuration is not installed")
    printed = follow(block, directory, environment(demo.base_url))
    if "opentelemetry-instrument " in block.text:
        spans = [span for span in console_spans(printed) if "context" in span]
        assert [span["attributes"]["openai_cost.status"] for span in spans] == ["priced"]


@needs_entry_point
@needs_current_client
@pytest.mark.parametrize("block", [block for block in of("sh") if needs_otlp(block)], ids=name)
def test_the_settings_of_a_recipe_send_the_cost_where_they_say(block, demo, server, directory):
    try:
        distribution(OTLP)
    except PackageNotFoundError:
        pytest.skip(f"{OTLP} is not installed")
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    settings = dict(re.findall(r"^export (\w+)=(.*)$", block.text, re.M))
    (endpoint,) = [value for key, value in settings.items() if key.endswith("_ENDPOINT")]
    (headers,) = [value for key, value in settings.items() if key.endswith("_HEADERS")] or [""]
    base = urlsplit(endpoint).path
    traces = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
    accept_everything(server, base.removesuffix("/v1/traces"))
    rerouted = block._replace(text=re.sub(r"(?<==)https?://[^/\s]+", server.url, block.text))
    follow(rerouted, directory, environment(demo.base_url))

    (request,) = [request for request in server.requests if request.path == traces]
    for header in filter(None, headers.split(",")):
        key, _, value = header.partition("=")
        assert request.headers[key.lower()] == unquote(value)
    sent = ExportTraceServiceRequest.FromString(request.body)
    (span,) = [span for resource in sent.resource_spans for scope in resource.scope_spans for span in scope.spans]
    attributes = {each.key: each.value for each in span.attributes}
    assert attributes["gen_ai.usage.cost.amount"].double_value > 0
    if settings.get("OTEL_INSTRUMENTATION_OPENAI_COST_ALIASES") == "langfuse":
        details = json.loads(attributes["langfuse.observation.cost_details"].string_value)
        assert details["total"] == attributes["gen_ai.usage.cost.amount"].double_value
    if "--metrics_exporter none" not in block.text:
        assert any(b"gen_ai.client.operation.cost" in request.body for request in server.requests)


def accept_everything(server: Server, base: str) -> None:
    for signal in ("traces", "metrics", "logs"):
        server.route("POST", f"{base}/v1/{signal}", Answer(headers={"content-type": "application/x-protobuf"}))


@needs_current_client
@pytest.mark.parametrize("block", of("python"), ids=name)
def test_a_program_of_a_page_runs_without_a_complaint(block, demo, directory):
    path = directory / "program.py"
    path.write_text((SURROUNDINGS if block.page == "attribution" else "") + block.text, encoding="utf-8")
    result = subprocess.run(
        [sys.executable, str(path)],
        env=environment(demo.base_url),
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")


@needs_entry_point
@needs_current_client
@pytest.mark.parametrize("block", of("json"), ids=name)
def test_what_a_page_says_is_printed_is_printed(block, demo, directory):
    assert block.key == "printed by the command above"
    command = [each for each in of("sh") if each.page == block.page and each.line < block.line][-1]
    printed = {line.strip().rstrip(",") for line in follow(command, directory, environment(demo.base_url)).splitlines()}
    assert {line.strip().rstrip(",") for line in block.text.splitlines()} <= printed


def test_no_page_has_a_block_that_nothing_runs():
    run_here = {"sh", "python", "json"}
    others = [block for block in BLOCKS if block.language not in run_here]
    # A price file and a configuration are used by the commands of their pages; Phoenix's filter in tests/phoenix.
    used = {("toml", "file"), ("yaml", "file"), ("text", "filter of Phoenix")}
    assert {(block.language, block.key) for block in others} == used


def test_the_names_that_the_pages_mention_are_names_of_the_code():
    known = set(re.findall(r"`([a-z_]+(?:\.[a-z0-9_]+)+)`", (DOCS / "emitted.md").read_text(encoding="utf-8")))
    known |= {each.replace(".", "_") for each in known}
    for page in PAGES:
        text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
        for mentioned in re.findall(
            r"`(?:attributes\.)?((?:gen_ai\.(?:client|usage|request|response)|openai_cost)\.[a-z0-9_.]+)`", text
        ):
            assert mentioned in known | {"gen_ai.usage.cost", "gen_ai.usage."}, f"{page}.md: {mentioned}"


def test_every_page_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    assert pages <= set(re.findall(r": (\S+\.md)$", navigation, re.M))


def test_links_to_files_of_the_repository_lead_somewhere():
    for page in DOCS.glob("*.md"):
        for directory in re.findall(
            r"`((?:dashboards|examples|tools|tests)/[\w./-]*)`", page.read_text(encoding="utf-8")
        ):
            assert os.path.exists(ROOT / directory), f"{page.name}: {directory}"
        for target in re.findall(r"\]\(\.\./([\w./-]+)\)", page.read_text(encoding="utf-8")):
            assert (ROOT / target).is_file(), f"{page.name}: {target}"
