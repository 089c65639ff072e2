# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""OurWrapper: a wrapper of ours around a function of somebody else's, to be told from all other wrappers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import wrapt

if TYPE_CHECKING:
    _FunctionWrapper = wrapt.FunctionWrapper[..., object]
else:
    # Generic only since wrapt 2.
    _FunctionWrapper = wrapt.FunctionWrapper


class OurWrapper(_FunctionWrapper):
    """A wrapper of ours."""


class Wrapper(Protocol):
    """What holds another function, whoever made it."""

    __wrapped__: object


def holds_ours(attribute: object) -> bool:
    """Whether a wrapper of ours is somewhere in a chain: one that somebody wrapped could not be taken away, and serves again."""
    while attribute is not None:
        if isinstance(attribute, OurWrapper):
            return True
        attribute = getattr(attribute, "__wrapped__", None)
    return False
