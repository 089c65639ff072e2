# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Sessions of the client's two HTTP libraries that connect to the test's server, whatever host the URL names."""

from typing import Any
from urllib.parse import urlsplit

import aiohttp
import requests


def rerouted(url: str, origin: str) -> str:
    """The same path and query at another origin."""
    parts, to = urlsplit(url), urlsplit(origin)
    return parts._replace(scheme=to.scheme, netloc=to.netloc).geturl()


class _Rerouting(requests.adapters.HTTPAdapter):
    def __init__(self, origin: str) -> None:
        super().__init__()
        self._origin = origin

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        asked = str(request.url)
        request.headers["Host"] = urlsplit(asked).netloc
        request.url = rerouted(asked, self._origin)
        return super().send(request, *args, **options)


def session(origin: str) -> requests.Session:
    """What ``openai.requestssession`` takes."""
    made = requests.Session()
    made.mount("https://", _Rerouting(origin))
    made.mount("http://", _Rerouting(origin))
    return made


class AsyncSession:
    """What ``openai.aiosession`` takes: of a session, the client uses ``request`` alone."""

    def __init__(self, inner: aiohttp.ClientSession, origin: str) -> None:
        self._inner, self._origin = inner, origin

    async def request(self, method: str, url: str, **options: Any) -> aiohttp.ClientResponse:
        return await self._inner.request(method, rerouted(url, self._origin), **options)
