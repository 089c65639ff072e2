# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""The ways in which the client hands a response over; an operation must be the same through all of them."""

from typing import Any

WAYS = ("parsed", "raw", "on the wire")


def call(resource: Any, way: str, method: str = "create", **options: Any) -> Any:
    """Calls a method of a resource of the synchronous client, and reads the response to its end."""
    if way == "parsed":
        return getattr(resource, method)(**options)
    if way == "raw":
        return getattr(resource.with_raw_response, method)(**options)
    with getattr(resource.with_streaming_response, method)(**options) as response:
        return response.read()


async def async_call(resource: Any, way: str, method: str = "create", **options: Any) -> Any:
    """Calls a method of a resource of the asynchronous client, and reads the response to its end."""
    if way == "parsed":
        return await getattr(resource, method)(**options)
    if way == "raw":
        return await getattr(resource.with_raw_response, method)(**options)
    async with getattr(resource.with_streaming_response, method)(**options) as response:
        return await response.read()
