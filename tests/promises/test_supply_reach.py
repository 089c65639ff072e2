# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The package reaches for nothing: the only sockets are the application's own, nothing is started and no file is written.

Python's own audit events tell, of every connection, name look-up, process and opened file, whoever asks for it.
"""

import json

import pytest

pytest.register_assert_rewrite("coexist.process")

from coexist.process import finished  # noqa: E402
from support.expect import chat, streamed  # noqa: E402
from support.server import json_answer, sse_answer  # noqa: E402

WATCH = """
    import json, os, sys

    reached, written = [], []
    OUTWARD = (
        "socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname",
        "socket.gethostbyaddr", "urllib.Request", "http.client.connect", "ftplib.connect", "smtplib.connect",
        "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
    )
    WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC

    def audit(event, arguments):
        if event in OUTWARD:
            reached.append([event, repr(arguments[1:])])
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
            written.append(str(arguments[0]))

    sys.dont_write_bytecode = True
    sys.addaudithook(audit)
"""

CALLS = """
    from opentelemetry.instrumentation.openai_cost import Budget, OpenAICostInstrumentor
    from support.clients import make_client
    from support.expect import ask
    from support.telemetry import Telemetry

    telemetry = Telemetry()
    instrumentor = OpenAICostInstrumentor()
    instrument = (lambda **options: None) if "BARE" in os.environ else instrumentor.instrument
    instrument(
        tracer_provider=telemetry.tracer_provider,
        meter_provider=telemetry.meter_provider,
        stream_usage="request",
        component_metrics=True,
        chunk_metrics=True,
        token_metrics="latest",
        rollup=True,
        budgets=[Budget("all", usd=50, per="day")],
        baggage_keys=("team",),
        cost_hook=lambda event: None,
        count_foreign=True,
        summary=True,
    )
    with make_client(os.environ["SERVER"]) as client:
        for _ in range(3):
            ask(client)
            list(ask(client, stream=True))
    telemetry.metric_names()
    if "BARE" not in os.environ:
        instrumentor.uninstrument()
    print(json.dumps([reached, written, len(telemetry.spans())]))
"""

IMPORTS = """
    import importlib, pkgutil
    import opentelemetry.instrumentation.openai_cost as package

    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    print(json.dumps([reached, written, 0]))
"""

COMMANDS = """
    import contextlib, io
    from opentelemetry.instrumentation.openai_cost.cli.__main__ import main

    ended = []
    for command in (["models"], ["quote", "--model", "gpt-5.5", "--input", "1000", "--output", "10"], ["--help"]):
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                ended.append(main(command))
            except SystemExit as end:
                ended.append(end.code)
    print(json.dumps([reached, written, ended]))
"""


def told(code, server, **environment):
    return json.loads(finished(WATCH + code, server, **environment).stdout.splitlines()[-1])


def kinds(reached):
    """Processes by their command alone: the rest is their environment, which says whether we are there."""
    return [[event, where.partition("],")[0] if event == "subprocess.Popen" else where] for event, where in reached]


def test_the_only_sockets_are_the_application_s_own(server):
    plain, stream = json_answer(chat()), sse_answer(streamed())
    server.answer_to = lambda request: stream if request.json.get("stream") else plain
    try:
        *bare, _ = told(CALLS, server, BARE="1")
        reached, written, spans = told(CALLS, server)
    finally:
        del server.answer_to
    # The client itself asks the system for its name, in a process.
    assert [kinds(reached), written] == [kinds(bare[0]), bare[1]]
    host, port = server.url.removeprefix("http://").split(":")
    assert {where for event, where in reached if event == "socket.connect"} == {f"(('{host}', {port}),)"}
    assert spans == 6


def test_importing_every_module_reaches_for_nothing(server):
    assert told(IMPORTS, server) == [[], [], 0]


def test_the_commands_around_the_bundled_price_list_reach_for_nothing(server):
    reached, written, ended = told(COMMANDS, server)
    assert (reached, written) == ([], [])
    assert ended == [0, 0, 0]


def test_the_watch_would_see_a_connection(server):
    code = """
    import urllib.request
    with urllib.request.urlopen(os.environ["SERVER"] + "/v1/models") as reply:
        reply.read()
    print(json.dumps([reached, written, 0]))
    """
    server.route("GET", "/v1/models", json_answer({}))
    reached, _, _ = told(code, server)
    assert {event for event, _ in reached} >= {"socket.connect", "urllib.Request"}
