# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""``summary``: what the process's calls cost, on standard error when it exits."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
from opentelemetry.instrumentation.openai_cost.demo.__main__ import embedded_environment
from support.payloads import payload
from support.server import Server, json_answer

OWN = "OTEL_INSTRUMENTATION_OPENAI_COST_"
APPLICATION = """
import os
from openai import OpenAI
client = OpenAI(base_url=os.environ["OPENAI_BASE_URL"], max_retries=0)
ask = lambda model: client.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])
"""
INSTRUMENTED = """
from opentelemetry.instrumentation.openai_cost import OpenAICostInstrumentor
OpenAICostInstrumentor().instrument(%s)
"""
USAGE = {
    "prompt_tokens": 100_000,
    "completion_tokens": 10_000,
    "total_tokens": 110_000,
    "prompt_tokens_details": {"cached_tokens": 40_000},
    "completion_tokens_details": {"reasoning_tokens": 4_000},
}
TABLE = """
TOKENS                      calls      input     cached    written     output  reasoning
----------------------------------------------------------------------------------------
gpt-5-2025-08-07                1    100,000     40,000          -     10,000      4,000
velo-1                          1    100,000     40,000          -     10,000      4,000
----------------------------------------------------------------------------------------
total                           2    200,000     80,000          -     20,000      8,000

USD                         input      cache     output  reasoning      tools      total
----------------------------------------------------------------------------------------
gpt-5-2025-08-07           0.0750     0.0050     0.0600     0.0400          -     0.1800
----------------------------------------------------------------------------------------
total                      0.0750     0.0050     0.0600     0.0400          -     0.1800
                            41.7%       2.8%      33.3%      22.2%          -     100.0%

NOT PRICED, and in no sum above: 1 call
  unknown_model: the price list does not know this model; a price file can name it (option prices)
    1 call  velo-1

ERRORS: 1 call
    1 call  gpt-5  openai.RateLimitError

0.1800 USD for 1 of 3 calls. An estimate, not an invoice.
Prices: """


def answer(model: str = "gpt-5-2025-08-07"):
    return json_answer(payload("chat_completion.json", model=model, usage=USAGE, service_tier="default"))


def run(server: Server, code: str, **options: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process whose prices hold at the loopback server."""
    environment = {**embedded_environment(f"{server.url}/v1", os.environ), "PYTHONWARNINGS": "error", **options}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [("summary=True", {}), ("", {f"{OWN}SUMMARY": "true"})],
    ids=["argument", "environment"],
)
def test_the_table_is_printed_on_standard_error_when_the_process_exits(
    server: Server, arguments: str, environment: dict[str, str]
) -> None:
    server.queue(answer(), answer("velo-1"), json_answer({"error": {"message": "No."}}, status=429))
    code = APPLICATION + INSTRUMENTED % arguments
    code += "ask('gpt-5')\nask('velo-1')\ntry:\n  ask('gpt-5')\nexcept Exception:\n  print('the end')\n"

    done = run(server, code, **environment)

    assert (done.returncode, done.stdout) == (0, "the end\n")
    assert done.stderr.startswith(TABLE)


def test_declarative_configuration_has_the_option() -> None:
    assert OpenAICostInstrumentor.configuration(summary=True).summary is True


def test_nothing_is_printed_unless_it_is_asked_for(server: Server) -> None:
    server.queue(answer())
    done = run(server, APPLICATION + INSTRUMENTED % "" + "ask('gpt-5')\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_printed_where_no_call_was_made(server: Server) -> None:
    done = run(server, APPLICATION + INSTRUMENTED % "summary=True")
    assert (done.returncode, done.stderr) == (0, "")


def test_an_application_that_ends_in_an_exception_has_its_table_too(server: Server) -> None:
    server.queue(answer())
    done = run(server, APPLICATION + INSTRUMENTED % "summary=True" + "ask('gpt-5')\nraise SystemExit('gave up')\n")
    assert (done.returncode, done.stderr.splitlines()[0]) == (1, "gave up")
    assert "\n0.1800 USD for 1 of 1 call." in done.stderr


def test_a_forked_process_prints_its_own_calls_only(server: Server) -> None:
    server.queue(answer(), answer())
    code = (
        APPLICATION
        + INSTRUMENTED % "summary=True"
        + (
            "import sys\n"
            "ask('gpt-5')\n"
            "child = os.fork()\n"
            "if not child:\n"
            "    client = OpenAI(base_url=client.base_url, max_retries=0)\n"
            "    ask('gpt-5')\n"
            "    sys.exit()\n"
            "os.waitpid(child, 0)\n"
        )
    )
    done = run(server, code, PYTHONWARNINGS="ignore")
    assert done.stderr.count("0.1800 USD for 1 of 1 call.") == 2


def test_a_forked_process_without_calls_prints_nothing(server: Server) -> None:
    server.queue(answer())
    code = (
        APPLICATION
        + INSTRUMENTED % "summary=True"
        + ("import sys\nask('gpt-5')\nchild = os.fork()\nif not child:\n    sys.exit()\nos.waitpid(child, 0)\n")
    )
    done = run(server, code, PYTHONWARNINGS="ignore")
    assert done.stderr.count("0.1800 USD for 1 of 1 call.") == 1


@pytest.mark.parametrize("gone", ["sys.stderr = None", "sys.stderr.close()", "os.close(2)"])
def test_a_process_without_standard_error_exits_as_it_would(server: Server, gone: str) -> None:
    server.queue(answer())
    code = APPLICATION + INSTRUMENTED % "summary=True" + f"import sys\nask('gpt-5')\nprint('the end')\n{gone}\n"
    done = run(server, code)
    assert (done.returncode, done.stdout) == (0, "the end\n")


def test_uninstrument_prints_the_table_and_leaves_nothing_for_the_exit(
    server: Server, instrument, client, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.queue(answer("velo-1"), answer("velo-1"))
    instrumentor = instrument(summary=True)
    ask = client().chat.completions.create
    ask(model="velo-1", messages=[{"role": "user", "content": "Hello"}])
    instrumentor.uninstrument()
    printed = capsys.readouterr().err
    instrumentor.instrument(summary=True)
    instrumentor.uninstrument()
    assert printed.endswith("None of 1 call has a price.\n")
    assert capsys.readouterr().err == ""


def test_calls_of_many_threads_are_all_counted(
    server: Server, instrument, client, capsys: pytest.CaptureFixture[str]
) -> None:
    server.queue(*[answer("velo-1") for _ in range(80)])
    instrumentor = instrument(summary=True)
    made = client()

    def work() -> None:
        for _ in range(10):
            made.chat.completions.create(model="velo-1", messages=[{"role": "user", "content": "Hello"}])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    instrumentor.uninstrument()
    assert "None of 80 calls has a price." in capsys.readouterr().err


def test_what_is_billed_when_finished_is_in_the_table(
    server: Server, instrument, client, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"hosts": {"127.0.0.1": {"provider": "openai"}}}')
    instrumentor = instrument(summary=True, prices=prices)
    server.queue(
        json_answer(payload("response_background_queued.json", id="resp_1", model="gpt-5")),
        json_answer(
            payload("response_simple.json", id="resp_1", model="gpt-5", background=True, service_tier="default")
        ),
    )
    made = client()
    made.responses.create(model="gpt-5", input="Hello", background=True)
    made.responses.retrieve("resp_1")
    instrumentor.uninstrument()
    printed = capsys.readouterr().err
    assert "  background: the response was still being generated" in printed
    assert " USD for 1 of 2 calls." in printed
