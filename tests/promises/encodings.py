# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0

"""Encodings of bodies, as servers send them."""

import zlib

import brotli
from backports import zstd

ENCODINGS = ("gzip", "deflate", "br", "zstd")


def encoded(encoding: str, body: bytes) -> bytes:
    """The body in that encoding."""
    if encoding == "gzip":
        compressor = zlib.compressobj(wbits=31)
        return compressor.compress(body) + compressor.flush()
    if encoding == "deflate":
        return zlib.compress(body)
    return brotli.compress(body) if encoding == "br" else zstd.compress(body)
