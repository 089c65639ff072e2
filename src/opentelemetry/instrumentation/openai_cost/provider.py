# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Server: who answers at a base URL, and whose price list holds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GEN_AI_PROVIDER_NAME
from opentelemetry.semconv.attributes.server_attributes import SERVER_ADDRESS, SERVER_PORT
from opentelemetry.util.types import AttributeValue

OPENAI = "openai"
AZURE = "azure.ai.openai"

_HOSTS = {
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.x.ai": "x_ai",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.anthropic.com": "anthropic",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "generativelanguage.googleapis.com": "gcp.gemini",
}
"""Well-known compatible hosts, to the values of ``gen_ai.provider.name`` (the mapping is ours, the values are conventions)."""

_SUFFIXES = (
    (".openai.azure.com", AZURE),
    (".openai.azure.us", AZURE),
    (".cognitiveservices.azure.com", AZURE),
    (".services.ai.azure.com", AZURE),
    (".models.ai.azure.com", "azure.ai.inference"),
    (".inference.ai.azure.com", "azure.ai.inference"),
    ("-aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
)


@dataclass(frozen=True, slots=True)
class Server:
    """The far end of a client.

    Attributes:
        provider: value of ``gen_ai.provider.name``.
        address: host name.
        port: TCP port; the scheme's default where the URL names none.
        price_list: provider whose bundled prices hold here, ``None`` on a host we know no prices of.
        region: label of a regional OpenAI host (``eu`` of ``eu.api.openai.com``).
        name: address and port in one word.
        attributes: provider, address and port, as spans and metrics state them.
    """

    provider: str
    address: str
    port: int
    price_list: str | None
    region: str | None = None
    name: str = field(init=False, compare=False)
    attributes: Mapping[str, AttributeValue] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        attributes = {GEN_AI_PROVIDER_NAME: self.provider, SERVER_ADDRESS: self.address, SERVER_PORT: self.port}
        object.__setattr__(self, "name", f"{self.address}:{self.port}")
        object.__setattr__(self, "attributes", attributes)


@lru_cache(maxsize=512)
def server(scheme: str, host: str, port: int | None, is_azure_client: bool = False) -> Server:
    """The server behind a base URL.

    Args:
        scheme: ``https`` or ``http``.
        host: host name, any case.
        port: explicit port of the URL, if any.
        is_azure_client: whether the SDK's Azure client is used, which settles the provider on any host.
    """
    host = host.lower()
    number = port or (80 if scheme == "http" else 443)
    if is_azure_client:
        return Server(AZURE, host, number, AZURE)
    if host == "api.openai.com":
        return Server(OPENAI, host, number, OPENAI)
    if host.endswith(".api.openai.com"):
        return Server(OPENAI, host, number, OPENAI, host[: -len(".api.openai.com")])
    known = _HOSTS.get(host)
    if known is not None:
        return Server(known, host, number, None)
    for suffix, provider in _SUFFIXES:
        if host.endswith(suffix):
            return Server(provider, host, number, AZURE if provider == AZURE else None)
    if host.startswith("bedrock-") and host.endswith(".amazonaws.com"):
        return Server("aws.bedrock", host, number, None)
    # Whatever speaks OpenAI's protocol is `openai` to the conventions; its prices are another question.
    return Server(OPENAI, host, number, None)
