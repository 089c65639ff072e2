# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Hosted tools: what they are billed for beside the tokens of the conversation."""

from __future__ import annotations

from ..usage import Fee, ModelUsage, Tokens, Usage
from ._facts import Request
from ._fields import NOTHING, Fields, fields, items, text, tokens, whole

_MINIMUM_MINUTES = 5
"""Containers are billed by the minute with a minimum of five (OpenAI pricing page, since 2026-06-02)."""
_KNOWN_CALLS = frozenset(
    {
        "apply_patch_call",
        "code_interpreter_call",
        "computer_call",
        "custom_tool_call",
        "file_search_call",
        "function_call",
        "image_generation_call",
        "local_shell_call",
        "mcp_call",
        "shell_call",
        "tool_search_call",
        "web_search_call",
    }
)
"""Calls in a response's output whose fee is known, or known not to exist."""
_HOSTED = frozenset({"container_auto", "container_reference", "container"})
"""Environments of a shell that OpenAI runs, and bills."""
_MEMORY_SIZES = frozenset({"1g", "4g", "16g", "64g"})


def chat_fees(request: Request, model: str | None) -> tuple[Fee, ...]:
    """Search fee of one chat completion: the search models search once a request, and nothing in the reply counts it."""
    name = model or request.model or ""
    if "search-preview" in name:
        return (Fee("web_search_preview", 1),)
    if "search-api" in name or request.chat_search:
        return (Fee("web_search", 1),)
    return ()


def response_fees(response: Fields, request: Request) -> tuple[Fee, ...]:
    """Fees of the hosted tools that a response used.

    Searches are those the API says are billable (``tool_usage.web_search.num_requests``), else the search calls in the output;
    opening a page is free (OpenAI SDK, ``Response.tool_usage``). Neither the minutes nor, for a container that was made
    beforehand, the memory is in a response: five minutes of the smallest size are the least that was billed.
    """
    output = [fields(item) for item in items(response.get("output"))]
    asked = [fields(tool) for tool in items(response.get("tools"))]
    types = {text(tool.get("type")) or "" for tool in asked} or set(request.tools)
    fees: list[Fee] = []
    searches = _searches(response, output)
    if searches:
        preview = any(name.startswith("web_search_preview") for name in types)
        fees.append(Fee("web_search_preview" if preview else "web_search", searches))
    file_searches = sum(item.get("type") == "file_search_call" for item in output)
    if file_searches:
        fees.append(Fee("file_search", file_searches))
    kinds = [text(item.get("type")) or "" for item in output]
    for kind in sorted({kind for kind in kinds if kind.endswith("_call")} - _KNOWN_CALLS):
        # A tool we do not know may have a fee: without a price of that name the call is partial.
        fees.append(Fee(kind, kinds.count(kind)))
    for container, memory in _containers(output, asked, request).items():
        fees.append(Fee(f"container_{memory}", _MINIMUM_MINUTES, lower_bound=True, container=container or None))
    return tuple(fees)


def tool_models(response: Fields, request: Request) -> tuple[ModelUsage, ...]:
    """Usage of other models inside a response: the hosted image generation tool, and the model that draws its SVG."""
    calls = [item for item in map(fields, items(response.get("output"))) if item.get("type") == "image_generation_call"]
    drawn = fields(fields(response.get("tool_usage")).get("image_gen"))
    usages: list[ModelUsage] = []
    counts = tokens(drawn)
    if counts is not None and (counts.input or counts.output):
        usages.append(ModelUsage(_image_model(response, request), Usage(_image_tokens(drawn, counts))))
    elif calls:
        usages.append(ModelUsage(_image_model(response, request), Usage()))
    for call in calls:
        svg = fields(call.get("svg_usage"))
        if svg:
            usages.append(ModelUsage(text(svg.get("model")), Usage(svg_tokens(svg))))
    return tuple(usages)


def svg_tokens(svg: Fields) -> Tokens | None:
    """Token counts of an ``svg_usage`` object, whose reasoning tokens stand beside the totals."""
    counts = tokens(svg)
    if counts is None:
        return None
    return Tokens(counts.input, counts.output, reasoning=whole(svg.get("reasoning_tokens")))


def _searches(response: Fields, output: list[Fields]) -> int:
    billable = whole(fields(fields(response.get("tool_usage")).get("web_search")).get("num_requests"))
    if billable is not None:
        return billable
    return sum(item.get("type") == "web_search_call" and _is_search(item.get("action")) for item in output)


def _is_search(action: object) -> bool:
    return action is None or fields(action).get("type") in ("search", None)


def _containers(output: list[Fields], asked: list[Fields], request: Request) -> dict[str, str]:
    """Memory of each container that was used, by id; two tools may have containers of two sizes."""
    used: dict[str, str] = {}
    # A call need not say where it ran; the tool that was offered does.
    offered = next((fields(tool.get("environment")) for tool in asked if tool.get("type") == "shell"), NOTHING)
    for item in output:
        if item.get("type") == "code_interpreter_call":
            used.setdefault(text(item.get("container_id")) or "", "code_interpreter")
        elif item.get("type") == "shell_call":
            environment = fields(item.get("environment")) or offered
            if text(environment.get("type")) in _HOSTED:
                used.setdefault(text(environment.get("container_id")) or "", "shell")
    sizes = {tool.get("type"): memory for tool in asked if (memory := memory_limit(tool)) is not None}
    default = "1g" if sizes else request.container_memory or "1g"
    return {container: sizes.get(kind, default) for container, kind in used.items()}


def memory_limit(tool: Fields) -> str | None:
    """Memory of a tool's container, such as ``4g``, if the tool names one of the sizes that are sold."""
    for holder in ("container", "environment"):
        memory = text(fields(tool.get(holder)).get("memory_limit"))
        if memory in _MEMORY_SIZES:
            return memory
    return None


def _image_model(response: Fields, request: Request) -> str | None:
    for tool in map(fields, items(response.get("tools"))):
        if tool.get("type") == "image_generation" and (model := text(tool.get("model"))):
            return model
    return request.image_model


def _image_tokens(drawn: Fields, counts: Tokens) -> Tokens:
    by_modality = fields(drawn.get("cached_tokens_details"))
    has_split = counts.image_output is not None or counts.text_output is not None
    return Tokens(
        counts.input,
        counts.output,
        cache_read=whole(drawn.get("cached_tokens")),
        text_input=counts.text_input,
        image_input=counts.image_input,
        text_output=counts.text_output,
        image_output=counts.image_output if has_split else counts.output,
        text_cache_read=whole(by_modality.get("cached_text_tokens")),
        image_cache_read=whole(by_modality.get("cached_image_tokens")),
    )
