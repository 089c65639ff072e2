# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Whatever carries the requests: clients of httpx, of httpx2 and of aiohttp, with hooks, and transports of one's own."""

import asyncio
import importlib
from decimal import Decimal

import openai
import pytest

pytest.register_assert_rewrite("coexist.calls", "promises.crowd")

from coexist.calls import SHAPES, ledger, queue  # noqa: E402
from support.clients import OPENAI_VERSION  # noqa: E402
from support.expect import ask, assert_abandoned, streamed  # noqa: E402
from support.server import Gate, json_answer, sse_answer  # noqa: E402

NAMES = ["chat", "chat_stream", "chat_raw", "embedding"]
AMOUNTS = tuple(Decimal(SHAPES[name].amount) for name in NAMES)

LIBRARIES = pytest.mark.parametrize("library", ["httpx", "httpx2"])


@pytest.fixture
def http(library):
    """The HTTP library, if the client takes its clients and it is installed."""
    if library == "httpx2" and OPENAI_VERSION < (3, 0):
        pytest.skip("this client knows no httpx2")
    if library == "httpx" and (3, 0) <= OPENAI_VERSION < (3, 30):
        pytest.skip("this client takes no clients of httpx")
    return pytest.importorskip(library)


@pytest.fixture
def url(server):
    """The test's server, as an address that the price book knows nothing of but the price file does."""
    return f"{server.url}/v1"


@pytest.fixture
def loopback(instrument, tmp_path):
    """Instruments; calls to the loopback interface are billed as OpenAI's."""
    prices = tmp_path / "prices.toml"
    prices.write_text('[hosts."127.0.0.1"]\nprovider = "openai"\n')
    instrument(prices=str(prices))


def assert_all_priced(telemetry):
    seen = ledger(telemetry)
    assert seen.amounts == AMOUNTS
    assert (seen.ours, seen.costs, seen.durations, seen.unpriced) == (4, 4, 4, 0)


@LIBRARIES
def test_a_client_of_one_s_own_with_hooks(server, http, url, loopback, telemetry):
    seen = []
    hooks = {"request": [lambda request: seen.append(request)], "response": [lambda response: response.read()]}
    queue(server, *(SHAPES[name] for name in NAMES))
    with (
        http.Client(event_hooks=hooks) as http_client,
        openai.OpenAI(base_url=url, api_key="k", max_retries=0, http_client=http_client) as client,
    ):
        for name in NAMES:
            SHAPES[name].call(client)
    assert len(seen) == 4
    assert_all_priced(telemetry)


@LIBRARIES
async def test_an_asynchronous_client_of_one_s_own(server, http, url, loopback, telemetry):
    queue(server, *(SHAPES[name] for name in NAMES))
    async with (
        http.AsyncClient() as http_client,
        openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0, http_client=http_client) as client,
    ):
        for name in NAMES:
            await SHAPES[name].call_async(client)
    assert_all_priced(telemetry)


@LIBRARIES
def test_a_transport_that_answers_by_itself(http, url, loopback, telemetry):
    class Stream(http.SyncByteStream):
        def __iter__(self):
            yield from streamed()

    def answer(request):
        return http.Response(200, headers={"content-type": "text/event-stream"}, stream=Stream())

    with (
        http.Client(transport=http.MockTransport(answer)) as http_client,
        openai.OpenAI(base_url=url, api_key="k", http_client=http_client) as client,
    ):
        assert len(list(ask(client, stream=True))) == 3
    assert ledger(telemetry).amounts == (Decimal("0.035"),)


@LIBRARIES
def test_a_stream_whose_bytes_are_in_memory_already(http, url, loopback, telemetry):
    def answer(request):
        return http.Response(200, headers={"content-type": "text/event-stream"}, content=b"".join(streamed()))

    with (
        http.Client(transport=http.MockTransport(answer)) as http_client,
        openai.OpenAI(base_url=url, api_key="k", http_client=http_client) as client,
    ):
        assert len(list(ask(client, stream=True))) == 3
    assert ledger(telemetry).amounts == (Decimal("0.035"),)


@LIBRARIES
def test_a_transport_that_wraps_another_one_and_its_streams(server, http, url, loopback, telemetry):
    passed = []

    class Stream(http.SyncByteStream):
        def __init__(self, stream):
            self._stream = stream

        def __iter__(self):
            for chunk in self._stream:
                passed.append(chunk)
                yield chunk

        def close(self):
            self._stream.close()

    class Logging(http.HTTPTransport):
        def handle_request(self, request):
            response = super().handle_request(request)
            response.stream = Stream(response.stream)
            return response

    queue(server, *(SHAPES[name] for name in NAMES))
    with (
        http.Client(transport=Logging()) as http_client,
        openai.OpenAI(base_url=url, api_key="k", max_retries=0, http_client=http_client) as client,
    ):
        for name in NAMES:
            SHAPES[name].call(client)
    assert passed
    assert_all_priced(telemetry)


# --- aiohttp ---


@pytest.fixture
async def over_aiohttp(url):
    """A client whose requests aiohttp carries."""
    pytest.importorskip("aiohttp")
    if not hasattr(openai, "DefaultAioHttpClient"):
        pytest.skip("this client has no transport for aiohttp")
    if OPENAI_VERSION < (3, 0):
        pytest.importorskip("httpx_aiohttp")
    async with (
        openai.DefaultAioHttpClient() as http_client,
        openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0, http_client=http_client) as client,
    ):
        yield client


async def test_aiohttp_carries_every_kind_of_call(server, over_aiohttp, loopback, telemetry):
    queue(server, *(SHAPES[name] for name in NAMES))
    for name in NAMES:
        await SHAPES[name].call_async(over_aiohttp)
    assert_all_priced(telemetry)


async def test_an_encoded_stream_over_aiohttp_is_priced(server, over_aiohttp, loopback, telemetry):
    server.queue(sse_answer(streamed(), gzip=True))
    assert len([one async for one in await ask(over_aiohttp, stream=True)]) == 3
    assert ledger(telemetry).amounts == (Decimal("0.035"),)


async def test_a_stream_over_aiohttp_that_is_left_early_ends_once(server, over_aiohttp, loopback, telemetry):
    gate = Gate()
    server.queue(sse_answer([streamed()[0], gate, *streamed()[1:]]))
    stream = await ask(over_aiohttp, stream=True)
    await anext(stream)
    await stream.close()
    gate.open()
    assert_abandoned(telemetry)


async def test_a_call_over_aiohttp_that_is_cancelled_is_an_error(server, over_aiohttp, loopback, telemetry):
    gate = Gate()
    server.queue(json_answer({}, before=[gate]))
    call = asyncio.create_task(ask(over_aiohttp))
    await asyncio.to_thread(gate.wait_until_reached)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    gate.open()
    seen = ledger(telemetry)
    assert (seen.ours, seen.unpriced, seen.costs) == (1, 1, 0)
    assert telemetry.span().attributes["error.type"] == "asyncio.exceptions.CancelledError"


def test_no_http_library_is_imported_by_us():
    imported = {
        name
        for room in ("_client", "_body", "_stream_usage.asking", "_stream_usage.hiding", "operation", "recorder")
        for name, value in vars(importlib.import_module(f"opentelemetry.instrumentation.openai_cost.{room}")).items()
        if getattr(value, "__name__", "").partition(".")[0] in ("httpx", "httpx2", "aiohttp")
    }
    assert imported == set()
