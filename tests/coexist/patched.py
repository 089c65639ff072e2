# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The places of the OpenAI client that instrumentations patch, and what stands in them."""

from collections.abc import Mapping
from importlib import import_module

import openai
from openai import _base_client

MISSING = object()

_RESOURCES = {
    "openai.resources.chat.completions": ("Completions", "AsyncCompletions"),
    "openai.resources.embeddings": ("Embeddings", "AsyncEmbeddings"),
    "openai.resources.responses.responses": ("Responses", "AsyncResponses"),
}


def _classes() -> list[type]:
    found: list[type] = [
        _base_client.SyncAPIClient,
        _base_client.AsyncAPIClient,
        openai.OpenAI,
        openai.AsyncOpenAI,
        openai.AzureOpenAI,
        openai.AsyncAzureOpenAI,
    ]
    for module, names in _RESOURCES.items():
        try:
            found += [getattr(import_module(module), name) for name in names]
        except ModuleNotFoundError:  # a client without that API
            continue
    return found


Place = tuple[type, str]


def entries() -> Mapping[Place, object]:
    """What stands in the classes' own dictionaries, or that nothing does."""
    names = ("request", "_process_response", "create", "parse", "stream", "retrieve")
    return {(kind, name): kind.__dict__.get(name, MISSING) for kind in _classes() for name in names}


def changed(before: Mapping[Place, object]) -> list[str]:
    """The places where something else stands now."""
    now = entries()
    return [f"{kind.__name__}.{name}" for (kind, name), entry in before.items() if now[kind, name] is not entry]


def restore(before: Mapping[Place, object]) -> None:
    """Puts everything back."""
    for (kind, name), entry in before.items():
        if kind.__dict__.get(name, MISSING) is entry:
            continue
        if entry is MISSING:
            delattr(kind, name)
        else:
            setattr(kind, name, entry)
