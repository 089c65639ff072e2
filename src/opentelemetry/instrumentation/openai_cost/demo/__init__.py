# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The demo: an embedded OpenAI-compatible server, a small application, and a table of what its calls cost.

``python -m opentelemetry.instrumentation.openai_cost.demo`` runs all of it. The files are there to be read:

* ``app.py``: the application, with the real ``openai`` client
* ``table.py``: one call in one line
* ``server.py``, ``websocket.py`` and ``answers``: the embedded server, first the wire, then what it answers
"""
