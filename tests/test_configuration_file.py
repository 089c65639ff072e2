# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""A declarative configuration file and environment variables say the same; a process without an SDK is left in peace."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.expect import chat, money
from support.processes import console_spans, environment, needs_entry_point, run
from support.server import Server, json_answer

needs_configuration = pytest.mark.skipif(
    # The parent package is there whatever is installed.
    find_spec("opentelemetry.configuration") is None,
    reason="opentelemetry-configuration is not installed",
)
pytestmark = needs_entry_point

ASK = """
import logging, os, sys
logging.basicConfig(stream=sys.stderr, format="%(name)s %(levelname)s %(message)s")
from openai import OpenAI
client = OpenAI(base_url=os.environ["OPENAI_BASE_URL"], max_retries=0)
answer = client.chat.completions.create(model="gpt-5.5", messages=[{"role": "user", "content": "Hello"}])
assert answer.usage.total_tokens == 2000
"""
UNDER_A_SPAN = """
import atexit
from opentelemetry import context, trace
request = trace.get_tracer("app").start_span("request")
context.attach(trace.set_span_in_context(request))
atexit.register(request.end)
"""
CONSOLE = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
OWN = "OTEL_INSTRUMENTATION_OPENAI_COST_"


@pytest.fixture
def ask(server: Server, tmp_path: Path):
    """Runs one call under ``opentelemetry-instrument``, or without it; gives its output and what it said on stderr."""
    prices = tmp_path / "prices.json"
    prices.write_text('{"hosts": {"127.0.0.1": {"provider": "openai"}}}')
    program = tmp_path / "ask.py"
    program.write_text(ASK)

    def start(*, launcher: bool = True, before: str = "", **variables: str):
        server.queue(json_answer(chat()))
        program.write_text(before + ASK)
        settings = {**environment(f"{server.url}/v1"), f"{OWN}PRICES": str(prices), **variables}
        command = f"{sys.executable} {program}"
        return run(f"opentelemetry-instrument {command}" if launcher else command, settings, tmp_path)

    return start


@pytest.fixture
def configured(ask, tmp_path: Path):
    """The same with a declarative configuration file."""

    def start(*, before: str = "", metrics: bool = False, **options: object):
        file = tmp_path / "otel.json"
        console = {"exporter": {"console": {}}}
        document = {
            "file_format": "1.0",
            "tracer_provider": {"processors": [{"simple": console}]},
            "instrumentation/development": {"python": {"openai_cost": options}},
        }
        if metrics:
            document["meter_provider"] = {"readers": [{"periodic": console}]}
        file.write_text(json.dumps(document))
        return ask(before=before, OTEL_CONFIG_FILE=str(file))

    return start


def what_was_recorded(result) -> list[dict]:
    """The spans without what differs from run to run."""
    return [
        {key: value for key, value in span["attributes"].items() if key != "server.port"}
        for span in console_spans(result.stdout)
    ]


def gauges(result) -> dict[str, object]:
    """By name, what the gauges of budgets showed when the process ended."""
    (exported,) = (printed for printed in console_spans(result.stdout) if "resource_metrics" in printed)
    metrics = exported["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    return {m["name"]: m["data"]["data_points"][0]["value"] for m in metrics if ".budget." in m["name"]}


@needs_configuration
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("breakdown", False),
        ("spans", "none"),
        ("component_metrics", True),
        ("breakdown", True),
        ("aliases", "openlit,logfire"),
    ],
)
def test_an_option_in_the_file_is_the_same_as_in_the_environment(ask, configured, option, value):
    in_file = configured(**{option: value})
    in_environment = ask(**CONSOLE, **{OWN + option.upper(): str(value)})
    assert what_was_recorded(in_file) == what_was_recorded(in_environment)
    assert bool(what_was_recorded(in_file)) == (option != "spans")


@needs_configuration
def test_a_list_in_the_file_is_the_same_as_names_with_commas(configured):
    in_list = configured(aliases=["openlit", "logfire"])
    (attributes,) = what_was_recorded(in_list)
    assert {"gen_ai.usage.cost", "operation.cost"} <= attributes.keys()
    assert what_was_recorded(in_list) == what_was_recorded(configured(aliases="openlit,logfire"))


@needs_configuration
def test_the_totals_of_spans_are_asked_for_in_the_file_as_in_the_environment(ask, configured):
    in_file = configured(before=UNDER_A_SPAN, rollup=True)
    in_environment = ask(before=UNDER_A_SPAN, **CONSOLE, **{f"{OWN}ROLLUP": "true"})
    assert what_was_recorded(in_file) == what_was_recorded(in_environment)
    assert what_was_recorded(in_file)[-1] == {"openai_cost.rollup.amount": 0.035, "openai_cost.rollup.calls": 1}


@needs_configuration
def test_the_summary_is_asked_for_in_the_file_as_in_the_environment(ask, configured):
    in_file = configured(summary=True)
    assert "0.0350 USD for 1 of 1 call" in in_file.stderr
    # OpenTelemetry has said something of the file before.
    assert in_file.stderr.endswith(ask(**CONSOLE, **{f"{OWN}SUMMARY": "true"}).stderr)


@needs_configuration
def test_a_budget_in_the_file_is_a_mapping(configured):
    budget = {"name": "all", "usd": "50", "per": "month", "where": {"gen_ai.request.model": "gpt-5.5"}}
    result = configured(metrics=True, budgets=[budget])
    assert "openai_cost ERROR" not in result.stderr
    assert gauges(result) == {
        "openai_cost.budget.spent": 0.035,
        "openai_cost.budget.remaining": 49.965,
        "openai_cost.budget.unpriced": 0,
    }


@needs_configuration
def test_a_file_without_options_is_the_default(configured):
    (attributes,) = what_was_recorded(configured())
    assert str(money(attributes["gen_ai.usage.cost.amount"])) == "0.035"


@needs_configuration
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"nosuch": 3}, "there is no option nosuch"),
        ({"spans": "sideways"}, "spans='sideways' is not one of own, current, none"),
        ({"aliases": ["nobody"]}, "aliases=['nobody'] is not a list of logfire, openinference, openlit, langfuse"),
        ({"budgets": [{"name": "all"}]}, "budgets=[{'name': 'all'}] is not free of mistakes"),
        ({"summary": "perhaps"}, "summary='perhaps' is not true or false"),
        ({"rollup": 7}, "rollup=7 is not true or false"),
        ({"book": "~nobody-here/book.json"}, "book='~nobody-here/book.json' is not a path of a user that there is"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_and_the_rest_holds(configured, options, said):
    result = configured(breakdown=False, **options)
    (line,) = (line for line in result.stderr.splitlines() if "openai_cost ERROR" in line or said in line)
    assert said in line
    (attributes,) = what_was_recorded(result)
    assert "gen_ai.usage.cost.amount" in attributes
    assert "openai_cost.input" not in attributes


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SPANS", "sideways", "SPANS='sideways' is not one of own, current, none"),
        ("PRICES_RELOAD", "perhaps", "PRICES_RELOAD='perhaps' is not true or false"),
        ("BOOK", "~nobody-here/book.json", "BOOK='~nobody-here/book.json' is not a path of a user that there is"),
        ("SPAN", "none", f"there is no environment variable {OWN}SPAN"),
        ("BUDGETS", "50", f"there is no environment variable {OWN}BUDGETS"),
    ],
)
def test_a_mistake_in_the_environment_is_one_line_and_the_rest_holds(ask, variable, value, said):
    result = ask(**CONSOLE, **{OWN + variable: value, f"{OWN}BREAKDOWN": "false"})
    (line,) = result.stderr.splitlines()
    assert said in line
    (attributes,) = what_was_recorded(result)
    assert "openai_cost.input" not in attributes


# --- without an SDK ---


def test_a_disabled_sdk_records_nothing_and_says_nothing(ask):
    result = ask(**CONSOLE, OTEL_SDK_DISABLED="true")
    assert console_spans(result.stdout) == []
    assert result.stderr == ""


@pytest.mark.parametrize("exporters", [{}, {"OTEL_SDK_DISABLED": "true"}], ids=["no providers", "disabled"])
def test_without_a_provider_the_call_is_made_and_nothing_is_said(ask, exporters):
    start = "from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor\nOpenAICostInstrumentor().instrument()\n"
    result = ask(launcher=False, before=start, **exporters)
    assert (result.stdout, result.stderr) == ("", "")


def test_with_the_api_alone_the_call_is_made_and_nothing_is_said(ask):
    """The SDK is there for the tests, so its import is refused."""
    start = """
import sys
from importlib.abc import MetaPathFinder
class WithoutSdk(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.startswith("opentelemetry.sdk"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, WithoutSdk())
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
OpenAICostInstrumentor().instrument()
"""
    result = ask(launcher=False, before=start)
    assert (result.stdout, result.stderr) == ("", "")
