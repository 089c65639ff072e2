# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""Containers: made, and never heard of again."""

from __future__ import annotations

import time

from .provider import LedgerEntry, Provider
from .wire import Reply, Request, new_id, required, string


def container(request: Request, provider: Provider) -> Reply:
    """``POST /v1/containers``."""
    body = request.json()
    name = string(required(body, "name"))
    memory = string(body.get("memory_limit")) or "1g"
    provider.report(LedgerEntry("/containers", "containers", None, None, units={f"container_{memory}": 1}))
    now = int(time.time())
    return Reply(
        {
            "id": f"cntr_{new_id()}",
            "object": "container",
            "created_at": now,
            "status": "running",
            "name": name,
            "expires_after": {"anchor": "last_active_at", "minutes": 20},
            "last_active_at": now,
            "memory_limit": memory,
        }
    )
