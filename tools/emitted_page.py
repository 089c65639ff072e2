# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Write the tables of docs/emitted.md: every attribute and every metric, with the stability of its name.

Names, stability and meaning are read from ``semconv.py``; kind and unit of a metric from the instrument itself. The names that
``opentelemetry-semantic-conventions`` has are those that the package's source uses.

Usage::

    python tools/emitted_page.py             # write the tables
    python tools/emitted_page.py --check     # exit status 1 when the committed page differs

The package must be installed with the OpenAI client (``pip install -e ".[demo]"``); everything else is standard library.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.metrics import Meter, MeterProvider, NoOpMeter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes, server_attributes

import marked
from opentelemetry.instrumentation.openai_cost import Budget, OpenAICostInstrumentor

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/emitted.md"
SOURCE = ROOT / "src/opentelemetry/instrumentation/openai_cost"
MARKS = marked.Marks("<!-- emitted -->", "<!-- /emitted -->")
STABILITIES = ("released", "merged", "proposed", "own")
EVERY_OPTION = {
    "component_metrics": True,
    "chunk_metrics": True,
    "token_metrics": "latest",
    "rollup": True,
    "budgets": [Budget("every call", usd=1)],
}
"""Options that make instruments which are not made without them."""

RELEASED = {
    "error.type": "class of the error, or what the API calls it",
    "gen_ai.conversation.id": "the conversation that a response belongs to",
    "gen_ai.operation.name": "such as `chat` or `embeddings`",
    "gen_ai.output.type": "such as `text`, `json`, `image` or `speech`",
    "gen_ai.provider.name": "`openai`, `azure.ai.openai`, or the provider that the host is known for",
    "gen_ai.request.choice.count": "choices that were asked for, if not one",
    "gen_ai.request.encoding_formats": "of embeddings",
    "gen_ai.request.frequency_penalty": "as in the request",
    "gen_ai.request.max_tokens": "as in the request",
    "gen_ai.request.model": "the model that was asked for; on Azure the deployment",
    "gen_ai.request.presence_penalty": "as in the request",
    "gen_ai.request.seed": "as in the request",
    "gen_ai.request.stop_sequences": "as in the request",
    "gen_ai.request.temperature": "as in the request",
    "gen_ai.request.top_p": "as in the request",
    "gen_ai.response.finish_reasons": "one for each choice",
    "gen_ai.response.id": "id of the response",
    "gen_ai.response.model": "the model that answered: the one that is priced",
    "gen_ai.token.type": "`input` or `output`, on `gen_ai.client.token.usage`",
    "gen_ai.usage.input_tokens": "int; cached ones included",
    "gen_ai.usage.output_tokens": "int; reasoning included",
    "server.address": "host of the base URL",
    "server.port": "its port",
}
"""What the attributes of the released conventions say here."""

_NAME = re.compile(r"[a-z_]+(?:\.[a-z0-9_]+)+")
_SECTION = re.compile(r"^# --- (.+?) -+$", re.MULTILINE)
_MODULES = (gen_ai_attributes, server_attributes, error_attributes)


@dataclass(frozen=True, slots=True)
class Name:
    """An attribute or a metric as ``semconv.py`` defines it.

    Attributes:
        constant: the Python constant.
        name: what is emitted.
        section: heading of its part of the file.
        stability: one of ``STABILITIES``.
        source: where it was merged or proposed, if that is known.
        text: what it says.
    """

    constant: str
    name: str
    section: str
    stability: str
    source: str
    text: str


def defined(source: str) -> list[Name]:
    """The names that a file like ``semconv.py`` defines, in order.

    Raises:
        ValueError: if a name has no stability.
    """
    sections = [(source.count("\n", 0, match.start()) + 1, match[1]) for match in _SECTION.finditer(source)]
    names: list[Name] = []
    body = ast.parse(source).body
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        value = statement.value
        if not isinstance(value, ast.Constant) or not isinstance(value.value, str) or not _NAME.fullmatch(value.value):
            continue
        constant = statement.target.id
        said = following.value if isinstance(following, ast.Expr) else None
        text = " ".join(str(said.value).split()) if isinstance(said, ast.Constant) else ""
        stability, source, meaning = re.fullmatch(r"(\w*)(?: \((.+?)\))?[:;,.]? ?(.*?)\.?", text).groups("")
        if stability not in STABILITIES:
            raise ValueError(f"semconv.py: the docstring of {constant} must begin with one of {', '.join(STABILITIES)}")
        section = [title for line, title in sections if line < statement.lineno][-1]
        names.append(Name(constant, value.value, section, stability, source, meaning))
    return names


def released() -> dict[str, str]:
    """The attributes of the released conventions that the package's source uses, and what they say.

    Raises:
        ValueError: if ``RELEASED`` lacks one, or has one that is not used.
    """
    used = {name for path in SOURCE.rglob("*.py") for name in _used(ast.parse(path.read_text(encoding="utf-8")))}
    if used != set(RELEASED):
        raise ValueError(
            f"RELEASED in {Path(__file__).name} does not have what is used: {sorted(used ^ set(RELEASED))}"
        )
    return dict(sorted(RELEASED.items()))


def _used(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        constant = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        for module in _MODULES:
            value = getattr(module, constant, None) if constant.isupper() else None
            if isinstance(value, str):
                yield value


class _Instruments(MeterProvider, NoOpMeter):
    """Notes how every instrument describes itself."""

    def __init__(self) -> None:
        NoOpMeter.__init__(self, "")
        self.made: dict[str, tuple[str, str]] = {}

    def get_meter(self, *args: object, **kwargs: object) -> Meter:
        return self

    def create_counter(self, name: str, unit: str = "", description: str = "") -> object:
        self.made[name] = ("counter", unit)
        return super().create_counter(name, unit, description)

    def create_histogram(self, name: str, unit: str = "", description: str = "", **advice: object) -> object:
        self.made[name] = ("histogram", unit)
        return super().create_histogram(name, unit, description)

    def create_observable_gauge(self, name: str, callbacks=None, unit: str = "", description: str = "") -> object:
        self.made[name] = ("gauge", unit)
        return super().create_observable_gauge(name, callbacks, unit, description)

    def create_observable_counter(self, name: str, callbacks=None, unit: str = "", description: str = "") -> object:
        self.made[name] = ("counter", unit)
        return super().create_observable_counter(name, callbacks, unit, description)


def instruments() -> Mapping[str, tuple[str, str]]:
    """Kind and unit of every instrument, by name."""
    import openai  # noqa: F401  # instruments are made when it is there

    meter = _Instruments()
    instrumentor = OpenAICostInstrumentor()
    instrumentor.instrument(meter_provider=meter, skip_dep_check=True, **EVERY_OPTION)
    instrumentor.uninstrument()
    return meter.made


def render(names: Sequence[Name], made: Mapping[str, tuple[str, str]], of_conventions: Mapping[str, str]) -> str:
    """The tables as Markdown.

    Raises:
        ValueError: if a metric is defined and not made, or made and not defined.
    """
    metrics = [name for name in names if name.constant.startswith("METRIC_")]
    if {name.name for name in metrics} != set(made):
        differ = sorted({name.name for name in metrics} ^ set(made))
        raise ValueError(f"defined in semconv.py or made as an instrument, but not both: {differ}; see EVERY_OPTION")
    lines = ["## Metrics", "", "| name | kind | unit | stability | |", "|---|---|---|---|---|"]
    for name in metrics:
        kind, unit = made[name.name]
        lines.append(f"| `{name.name}` | {kind} | `{unit}` | {_stability(name)} | {_markdown(name.text)} |")
    lines += ["", "## Attributes: released conventions", "", "| name | stability | |", "|---|---|---|"]
    lines += [f"| `{name}` | released | {text} |" for name, text in of_conventions.items()]
    for section in dict.fromkeys(name.section for name in names):
        attributes = [name for name in names if name.section == section and name not in metrics]
        if attributes:
            title = section.removeprefix("span attributes: ")
            lines += ["", f"## Attributes: {title}", "", "| name | stability | |", "|---|---|---|"]
            lines += [f"| `{name.name}` | {_stability(name)} | {_markdown(name.text)} |" for name in attributes]
    return "\n".join(lines)


def _stability(name: Name) -> str:
    return f"{name.stability}, {_markdown(name.source)}" if name.source else name.stability


def _markdown(text: str) -> str:
    text = text.replace("``", "`").replace("|", "\\|")
    return re.sub(r"semantic-conventions-genai#(\d+)", _link, text)


def _link(match: re.Match[str]) -> str:
    return f"[#{match[1]}](https://github.com/open-telemetry/semantic-conventions-genai/issues/{match[1]})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line entry; returns the exit status."""
    page, check = marked.arguments(arguments, "the tables of docs/emitted.md", "--page", PAGE)
    names = defined((SOURCE / "semconv.py").read_text(encoding="utf-8"))
    tables = render(names, instruments(), released())
    text = MARKS.renewed(page.read_text(encoding="utf-8"), f"\n{tables}\n")
    outdated = "the tables are out of date; run python tools/emitted_page.py"
    return marked.settle(page, text, check=check, outdated=outdated)


if __name__ == "__main__":
    sys.exit(main())
