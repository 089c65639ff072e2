# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Life cycle: instrument, uninstrument, import orders, zero-code start, suppression, and what is left behind."""

import importlib.metadata
import inspect
import logging
import os
import pickle
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import threading
from pathlib import Path

import openai
import pytest
import wrapt
from openai import _base_client
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation

import support
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from opentelemetry.instrumentation.openai_cost._wrapping import is_ours
from opentelemetry.instrumentation.openai_cost.version import __version__
from support.expect import COST, DURATION, ask, assert_priced, chat, streamed
from support.server import json_answer, sse_answer

DISTRIBUTION = "opentelemetry-instrumentation-openai-cost"
TESTS = Path(support.__file__).parent.parent

is_installed = pytest.mark.skipif(
    not any(importlib.metadata.entry_points(group="opentelemetry_instrumentor", name="openai_cost")),
    reason="needs the distribution installed, for its entry points",
)

DOORS = [
    (client, name)
    for client in (_base_client.SyncAPIClient, _base_client.AsyncAPIClient)
    for name in ("request", "_process_response")
]


def doors():
    return [client.__dict__.get(name) for client, name in DOORS]


def python(code, *, command=(sys.executable,), server=None, **environment):
    """Run code in a process of its own, with the test's server as ``SERVER``; returns what it printed."""
    if server is not None:
        environment["SERVER"] = server.url
    clean = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    paths = [str(TESTS), *(path for path in sys.path if path.endswith("src")), os.environ.get("PYTHONPATH", "")]
    finished = subprocess.run(
        [*command, "-c", textwrap.dedent(code)],
        env={**clean, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout + finished.stderr


# --- in this process ---


def test_uninstrument_puts_back_the_very_functions(instrument):
    before = doors()
    instrumentor = instrument()
    assert all(now is not then for now, then in zip(doors(), before, strict=True))
    instrumentor.uninstrument()
    assert all(now is then for now, then in zip(doors(), before, strict=True))


def test_what_stands_in_for_the_client_s_methods_looks_like_them(instrument):
    def looks(of):
        # Earlier Pythons can mark no function as one that gives coroutines.
        is_coroutine = (
            inspect.iscoroutinefunction(of) if of.__name__ == "request" or sys.version_info >= (3, 12) else None
        )
        return of.__name__, of.__qualname__, of.__doc__, inspect.signature(of), inspect.getsource(of), is_coroutine

    def methods():
        return [getattr(client, name) for client, name in DOORS]

    before = [looks(method) for method in methods()]
    instrument()
    assert [looks(method) for method in methods()] == before
    for method in methods():
        if method.__name__ == "request":
            assert pickle.loads(pickle.dumps(method)) is method


def test_after_uninstrument_nothing_is_recorded(server, client, instrument, telemetry):
    instrumentor = instrument()
    one = client()
    instrumentor.uninstrument()
    server.queue(json_answer(chat()))
    assert ask(one).usage.total_tokens == 2000
    assert telemetry.spans() == ()
    assert telemetry.points(DURATION) == []


def test_instrumenting_again_works_as_the_first_time(server, client, instrument, telemetry):
    instrument().uninstrument()
    instrument()
    server.queue(json_answer(chat()))
    ask(client())
    assert_priced(telemetry, "0.035")
    assert len(telemetry.points("openai_cost.price_book.age")) == 1


def test_instrumenting_twice_changes_nothing(server, client, instrument, telemetry, caplog):
    instrument()
    once = doors()
    with caplog.at_level(logging.WARNING):
        instrument()
    assert doors() == once
    server.queue(json_answer(chat()))
    ask(client())
    assert_priced(telemetry, "0.035")


def test_uninstrumenting_what_is_not_instrumented_does_no_harm(caplog):
    before = doors()
    OpenAICostInstrumentor().uninstrument()
    assert doors() == before


def test_a_stream_that_is_open_at_uninstrument_goes_on_and_ends_its_span(server, client, instrument, telemetry):
    instrumentor = instrument()
    server.queue(sse_answer(streamed()))
    stream = ask(client(), stream=True)
    next(stream)
    instrumentor.uninstrument()
    assert len(list(stream)) == 2
    assert len(telemetry.spans()) == 1
    assert telemetry.open_spans() == []


def test_clients_made_before_and_after_are_instrumented(server, client, instrument, telemetry):
    early = client()
    instrument()
    late = client()
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    ask(early)
    ask(late)
    assert len(telemetry.spans()) == 2


def test_a_wrapper_that_another_library_put_over_ours_survives(server, client, instrument, telemetry):
    instrumentor = instrument()
    ours = _base_client.SyncAPIClient.__dict__["request"]
    calls = []

    def theirs(self, *args, **kwargs):
        calls.append(args)
        return ours.__get__(self, type(self))(*args, **kwargs)

    _base_client.SyncAPIClient.request = theirs
    try:
        instrumentor.uninstrument()
        assert _base_client.SyncAPIClient.__dict__["request"] is theirs
        server.queue(json_answer(chat()))
        assert ask(client()).usage.total_tokens == 2000
    finally:
        _base_client.SyncAPIClient.request = getattr(ours, "__wrapped__", ours)
    assert len(calls) == 1
    assert telemetry.spans() == ()


def test_a_wrapper_that_was_there_before_ours_stays_in_place(server, client, instrument, telemetry):
    original = _base_client.SyncAPIClient.__dict__["request"]
    calls = []

    def theirs(self, *args, **kwargs):
        calls.append(args)
        return original(self, *args, **kwargs)

    _base_client.SyncAPIClient.request = theirs
    try:
        instrumentor = instrument()
        server.queue(json_answer(chat()))
        ask(client())
        instrumentor.uninstrument()
        assert _base_client.SyncAPIClient.__dict__["request"] is theirs
    finally:
        _base_client.SyncAPIClient.request = original
    assert len(calls) == 1
    assert_priced(telemetry, "0.035")


def test_a_client_of_one_s_own_class_is_instrumented(server, instrument, telemetry):
    from support.clients import ReroutingTransport, http

    class Mine(openai.OpenAI):
        pass

    instrument()
    server.queue(json_answer(chat()))
    with Mine(api_key="k", http_client=http.Client(transport=ReroutingTransport(server.url))) as one:
        ask(one)
    assert_priced(telemetry, "0.035")


@pytest.mark.parametrize("stream", [False, True])
def test_suppressed_instrumentation_records_nothing_at_all(server, client, instrument, telemetry, stream):
    instrument()
    server.queue(sse_answer(streamed()) if stream else json_answer(chat("gpt-99-unheard-of")))
    one = client()
    with suppress_instrumentation():
        reply = ask(one, stream=stream)
    if stream:
        assert len(list(reply)) == 3
    assert telemetry.spans() == ()
    assert telemetry.open_spans() == []
    assert telemetry.metric_names() <= {"openai_cost.price_book.age"}


def test_suppressing_http_instrumentation_is_not_about_us(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    with suppress_http_instrumentation():
        ask(client())
    assert_priced(telemetry, "0.035")


def test_no_thread_is_started(server, client, instrument):
    server.route("POST", "/v1/chat/completions", json_answer(chat()))
    one = client()
    ask(one)
    before = set(threading.enumerate())
    instrument()
    ask(one)
    assert set(threading.enumerate()) <= before


def test_a_broken_tracer_provider_harms_nobody(server, client, instrument, telemetry):
    class Broken:
        def get_tracer(self, *args, **kwargs):
            return self

        def start_span(self, *args, **kwargs):
            raise RuntimeError("broken")

    instrument(tracer_provider=Broken())
    server.queue(json_answer(chat()))
    assert ask(client()).usage.total_tokens == 2000


def test_unknown_options_are_logged_and_ignored(server, client, instrument, telemetry, caplog):
    instrument(colour="red")
    assert any("colour" in record.getMessage() for record in caplog.records)
    server.queue(json_answer(chat()))
    ask(client())
    assert_priced(telemetry, "0.035")


def test_a_logger_provider_is_accepted(instrument, caplog):
    instrument(logger_provider=None)
    assert not caplog.records


def test_without_providers_the_global_ones_are_used_and_none_is_no_error(server, client):
    instrumentor = OpenAICostInstrumentor()
    instrumentor.instrument()
    try:
        server.queue(json_answer(chat()), sse_answer(streamed()))
        one = client()
        assert ask(one).usage.total_tokens == 2000
        assert len(list(ask(one, stream=True))) == 3
    finally:
        instrumentor.uninstrument()


def test_the_supported_versions_are_declared():
    assert OpenAICostInstrumentor().instrumentation_dependencies() == ("openai >= 0.28, < 4",)


# --- in a process of its own ---

CALL = """
    import os, sys
    import openai
    from support.clients import make_client
    from support.expect import ask
    from support.telemetry import Telemetry

    reply = ask(make_client(os.environ["SERVER"]))
    assert reply.usage.total_tokens == 2000
"""

INSTRUMENT = """
    from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
    OpenAICostInstrumentor().instrument(tracer_provider=provider, meter_provider=MeterProvider([]))
"""


@pytest.mark.parametrize("order", ["before", "after"])
def test_the_client_may_be_imported_before_or_after(server, order):
    server.queue(json_answer(chat()))
    first = "import openai" if order == "before" else "import sys; assert 'openai' not in sys.modules"
    printed = python("\n".join([first, textwrap.dedent(INSTRUMENT), textwrap.dedent(CALL)]), server=server)
    assert printed.count('"name": "chat gpt-5.5"') == 1
    assert '"gen_ai.usage.cost.amount": 0.035' in printed


def test_instrumenting_imports_neither_the_client_nor_the_prices():
    python(
        textwrap.dedent(INSTRUMENT)
        + textwrap.dedent("""
            import sys
            loaded = [name for name in sys.modules if name.partition(".")[0] in ("openai", "httpx", "httpx2")]
            assert not loaded, loaded
            ours = "opentelemetry.instrumentation.openai_cost."
            assert ours + "pricing.book" not in sys.modules
            assert ours + "_client" not in sys.modules
        """)
    )


def test_uninstrumented_before_the_import_nothing_is_patched_after_it(server):
    server.queue(json_answer(chat()))
    undo = "OpenAICostInstrumentor().uninstrument()"
    printed = python("\n".join([textwrap.dedent(INSTRUMENT), undo, textwrap.dedent(CALL)]), server=server)
    assert "gpt-5.5" not in printed


def test_imports_and_calls_give_no_warning(server):
    server.queue(json_answer(chat()))
    package = r"opentelemetry\.instrumentation\.openai_cost"
    python(
        "import openai, warnings\n"
        + f"warnings.filterwarnings('error', module='{package}')\n"
        + textwrap.dedent(INSTRUMENT)
        + textwrap.dedent(CALL),
        server=server,
    )


def launcher():
    """The ``opentelemetry-instrument`` of this environment."""
    found = shutil.which("opentelemetry-instrument", path=sysconfig.get_path("scripts"))
    if found is None:
        pytest.skip("opentelemetry-instrument is not installed beside this Python")
    return found


ZERO_CODE = {
    "OTEL_TRACES_EXPORTER": "console",
    "OTEL_METRICS_EXPORTER": "console",
    "OTEL_LOGS_EXPORTER": "none",
    # Other instrumentations of the same environment are not the subject.
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai",
}


@is_installed
def test_zero_code_instrumentation_records_spans_and_cost(server):
    server.queue(json_answer(chat()))
    printed = python(CALL, command=(launcher(), sys.executable), server=server, **ZERO_CODE)
    assert printed.count('"name": "chat gpt-5.5"') == 1
    assert '"gen_ai.usage.cost.amount": 0.035' in printed
    assert COST in printed


@is_installed
def test_zero_code_instrumentation_can_be_switched_off_by_name(server):
    server.queue(json_answer(chat()))
    off = {**ZERO_CODE, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,openai_cost"}
    printed = python(CALL, command=(launcher(), sys.executable), server=server, **off)
    assert "chat gpt-5.5" not in printed


@is_installed
def test_a_bad_option_does_not_stop_zero_code_instrumentation(server):
    server.queue(json_answer(chat()))
    bad = {
        **ZERO_CODE,
        "OTEL_INSTRUMENTATION_OPENAI_COST_PRICES": "/nonexistent/prices.toml",
        "OTEL_INSTRUMENTATION_OPENAI_COST_SPANS": "sideways",
    }
    printed = python(CALL, command=(launcher(), sys.executable), server=server, **bad)
    assert '"gen_ai.usage.cost.amount": 0.035' in printed
    assert "sideways" in printed


@is_installed
def test_the_entry_points_name_what_they_should():
    (instrumentor,) = importlib.metadata.entry_points(group="opentelemetry_instrumentor", name="openai_cost")
    assert instrumentor.load() is OpenAICostInstrumentor
    (variables,) = importlib.metadata.entry_points(group="opentelemetry_environment_variables", name="openai_cost")
    names = [name for name in vars(variables.load()) if name.startswith("OTEL_")]
    assert "OTEL_INSTRUMENTATION_OPENAI_COST_SPANS" in names
    assert "OTEL_INSTRUMENTATION_OPENAI_COST_PRICES" in names


@is_installed
def test_the_version_is_that_of_the_distribution():
    from packaging.version import Version

    assert Version(importlib.metadata.version(DISTRIBUTION)) == Version(__version__)


@is_installed
def test_the_metadata_names_the_supported_versions_where_the_loader_looks():
    requires = [line.replace(" ", "").replace("'", '"') for line in importlib.metadata.requires(DISTRIBUTION) or []]
    assert 'openai<4,>=0.28;extra=="instruments"' in requires


def test_an_unknown_key_of_a_declarative_configuration_is_one_logged_line_and_the_rest_holds(caplog):
    options = OpenAICostInstrumentor.configuration(spans="none", nosuch=3)
    assert (options.spans, options.breakdown) == ("none", None)
    [record] = caplog.records
    assert "there is no option nosuch" in record.getMessage()


def test_the_age_of_the_price_book_falls_silent_with_uninstrument(instrument, telemetry):
    instrument()
    assert "openai_cost.price_book.age" in telemetry.metric_names()
    OpenAICostInstrumentor().uninstrument()
    assert "openai_cost.price_book.age" not in telemetry.metric_names()


@pytest.mark.parametrize("attribute", [None, "request", len, openai.OpenAI.request, wrapt.FunctionWrapper(len, print)])
def test_what_is_not_ours_is_not_taken_for_it(attribute):
    assert not is_ours(attribute)


def test_a_wrapper_of_somebody_else_s_around_ours_is_not_taken_for_it(instrument):
    instrument()
    ours = vars(_base_client.SyncAPIClient)["request"]
    assert is_ours(ours)
    assert not is_ours(wrapt.FunctionWrapper(ours, print))
