# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Providers: who is asked, and whose prices hold there."""

from decimal import Decimal

import pytest

from support.clients import OPENAI_VERSION
from support.expect import (
    COST,
    UNPRICED,
    ask,
    assert_no_cost,
    assert_priced,
    assert_unpriced,
    chat,
    money,
    streamed,
)
from support.server import json_answer, sse_answer

# --- Azure ---


def test_an_azure_client_is_azure_and_priced_by_the_model_behind_the_deployment(
    server, azure_client, instrument, telemetry
):
    instrument()
    server.queue(json_answer(chat("gpt-4o-2024-11-20")))
    ask(azure_client(), model="our-deployment")
    assert server.requests[0].path.startswith("/openai/deployments/our-deployment/chat/completions")
    attributes = telemetry.attributes()
    assert telemetry.span().name == "chat our-deployment"
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert attributes["server.address"] == "acme.openai.azure.com"
    assert attributes["server.port"] == 443
    assert attributes["gen_ai.request.model"] == "our-deployment"
    assert attributes["gen_ai.response.model"] == "gpt-4o-2024-11-20"
    assert_priced(telemetry, "0.0125")


async def test_an_asynchronous_azure_client_is_azure_too(server, async_azure_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-4o-2024-11-20")))
    await ask(async_azure_client(), model="our-deployment")
    assert telemetry.attributes()["gen_ai.provider.name"] == "azure.ai.openai"
    assert_priced(telemetry, "0.0125")


def test_a_deployment_fixed_in_the_client_is_the_same_operation(server, azure_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-4o-2024-11-20")))
    ask(azure_client(azure_deployment="fixed"), model="ignored")
    assert server.requests[0].path.startswith("/openai/deployments/fixed/chat/completions")
    assert_priced(telemetry, "0.0125")


def test_an_azure_stream_is_priced(server, azure_client, instrument, telemetry):
    instrument()
    server.queue(sse_answer(streamed(model="gpt-4o-2024-11-20")))
    list(ask(azure_client(), model="our-deployment", stream=True))
    assert_priced(telemetry, "0.0125")


def test_the_plain_client_at_an_azure_host_is_azure(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-4o-2024-11-20")))
    ask(client(base_url="https://acme.openai.azure.com/openai/v1/"), model="our-deployment")
    assert telemetry.attributes()["gen_ai.provider.name"] == "azure.ai.openai"
    assert_priced(telemetry, "0.0125")


def test_an_azure_client_behind_a_gateway_of_ones_own_is_azure(server, azure_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-4o-2024-11-20")))
    ask(azure_client(azure_endpoint="https://llm.internal"), model="our-deployment")
    attributes = telemetry.attributes()
    assert attributes["gen_ai.provider.name"] == "azure.ai.openai"
    assert attributes["server.address"] == "llm.internal"


def test_azure_has_prices_of_its_own_and_never_borrows_those_of_openai(server, azure_client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-4o-2024-11-20", service_tier="priority")))
    ask(azure_client(), model="our-deployment")
    assert_no_cost(telemetry.attributes())


# --- OpenAI's own hosts ---


def test_a_regional_host_adds_its_uplift(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-5.4", (10_000, 1000))))
    ask(client(base_url="https://eu.api.openai.com/v1"), model="gpt-5.4")
    attributes = telemetry.attributes()
    assert attributes["gen_ai.provider.name"] == "openai"
    assert attributes["server.address"] == "eu.api.openai.com"
    assert attributes["openai_cost.pricing.modifiers"] == ("regional=1.1",)
    assert_priced(telemetry, "0.044")


def test_an_older_model_costs_the_same_on_a_regional_host(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-4o", (1000, 500))))
    ask(client(base_url="https://eu.api.openai.com/v1"), model="gpt-4o")
    assert "openai_cost.pricing.modifiers" not in telemetry.attributes()
    assert_priced(telemetry, "0.0075")


def test_a_region_that_the_price_list_does_not_know_is_not_guessed(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat("gpt-5.4")))
    ask(client(base_url="https://moon.api.openai.com/v1"), model="gpt-5.4")
    assert_unpriced(telemetry, "missing_rate")


def test_a_host_that_only_ends_like_openai_s_is_another(server, client, instrument, telemetry):
    instrument()
    server.queue(json_answer(chat()))
    ask(client(base_url="https://notapi.openai.com.example/v1"))
    assert_unpriced(telemetry, "unknown_provider")


# --- other hosts ---


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.deepseek.com", "deepseek"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.x.ai/v1", "x_ai"),
        ("https://api.mistral.ai/v1", "mistral_ai"),
        ("https://api.perplexity.ai", "perplexity"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gcp.gemini"),
        ("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "aws.bedrock"),
        ("https://llm.example.com/v1", "openai"),
        ("https://openrouter.ai/api/v1", "openai"),
    ],
)
def test_elsewhere_openai_s_prices_do_not_hold(server, client, instrument, telemetry, url, provider):
    instrument()
    server.queue(json_answer(chat("gpt-5.5")))
    ask(client(base_url=url))
    attributes = telemetry.attributes()
    assert attributes["gen_ai.provider.name"] == provider
    assert attributes["gen_ai.usage.input_tokens"] == 1000
    assert_unpriced(telemetry, "unknown_provider")
    assert telemetry.point(UNPRICED)[0]["gen_ai.provider.name"] == provider


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("http://llm.internal:8080/v1", "llm.internal", 8080),
        ("http://llm.internal/v1", "llm.internal", 80),
        ("https://llm.internal/v1", "llm.internal", 443),
        ("https://LLM.Internal:443/v1", "llm.internal", 443),
        ("http://127.0.0.1:11434/v1", "127.0.0.1", 11434),
    ],
)
def test_the_server_is_named_with_its_port(server, client, instrument, telemetry, url, address, port):
    instrument()
    server.queue(json_answer(chat()))
    ask(client(base_url=url))
    attributes = telemetry.attributes()
    assert (attributes["server.address"], attributes["server.port"]) == (address, port)
    assert type(attributes["server.port"]) is int
    labels, _ = telemetry.point(UNPRICED)
    assert labels.get("server.port", port) == port


@pytest.mark.skipif(OPENAI_VERSION < (1, 4), reason="the client keeps its base URL, whatever it is set to")
def test_a_client_whose_base_url_changes_is_at_the_new_host(server, client, instrument, telemetry):
    instrument()
    server.route("POST", "/v1/chat/completions", json_answer(chat("gpt-5.4")))
    one = client()
    ask(one, model="gpt-5.4")
    one.base_url = "https://eu.api.openai.com/v1"
    ask(one, model="gpt-5.4")
    assert [span.attributes["server.address"] for span in telemetry.spans()] == ["api.openai.com", "eu.api.openai.com"]


# --- the user's price file ---


@pytest.fixture
def prices(tmp_path):
    def write(text):
        import json

        path = tmp_path / "prices.json"
        path.write_text(json.dumps(text))
        return str(path)

    return write


def test_a_model_of_one_s_own_is_priced_on_any_host(server, client, instrument, telemetry, prices):
    rates = {"input": "0.90", "cache_read": "0.09", "output": "5.00"}
    instrument(prices=prices({"models": {"acme-gpt": rates}}))
    server.queue(json_answer(chat("acme-gpt", (1000, 100))))
    ask(client(base_url="https://llm.internal/v1"), model="acme-gpt")
    assert telemetry.attributes()["openai_cost.pricing.source"] == "user"
    assert_priced(telemetry, "0.0014")


def test_a_host_of_one_s_own_may_bill_as_openai_does(server, client, instrument, telemetry, prices):
    instrument(prices=prices({"hosts": {"llm.internal": {"provider": "openai"}}}))
    server.queue(json_answer(chat()))
    ask(client(base_url="https://llm.internal/v1"))
    assert_priced(telemetry, "0.035")


def test_a_discount_is_taken_off_and_the_list_price_kept(server, client, instrument, telemetry, prices):
    instrument(prices=prices({"discounts": [{"match": "gpt-5*", "percent": 20}]}))
    server.queue(json_answer(chat()))
    ask(client())
    assert money(telemetry.attributes()["openai_cost.list_amount"]) == Decimal("0.035")
    assert_priced(telemetry, "0.028")


def test_another_currency_is_named(server, client, instrument, telemetry, prices):
    instrument(prices=prices({"models": {"acme-gpt": {"currency": "EUR", "input": "1", "output": "1"}}}))
    server.queue(json_answer(chat("acme-gpt")))
    ask(client(base_url="https://llm.internal/v1"), model="acme-gpt")
    assert telemetry.attributes()["gen_ai.usage.cost.currency"] == "EUR"
    assert telemetry.point(COST)[0]["gen_ai.usage.cost.currency"] == "EUR"
    assert_priced(telemetry, "0.002")


def test_a_price_file_that_cannot_be_read_is_an_error_in_the_log_and_nothing_else(
    server, client, instrument, telemetry, tmp_path, caplog
):
    instrument(prices=str(tmp_path / "missing.json"))
    server.queue(json_answer(chat()))
    ask(client())
    assert_priced(telemetry, "0.035")
    assert any(record.levelname == "ERROR" and "missing.json" in record.getMessage() for record in caplog.records)
