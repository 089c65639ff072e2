# Copyright The opentelemetry-instrumentation-openai-cost Authors
# SPDX-License-Identifier: Apache-2.0
"""The command ``opentelemetry-openai-cost``."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from typing import NoReturn, TextIO, cast

from ..pricing import bundled_data
from ..version import __version__
from . import check, diff, explain, models, quote, reconcile, report, update
from .arguments import USAGE, UsageError

PROGRAM = "opentelemetry-openai-cost"

_COMMANDS = {
    "quote": (
        quote,
        "the price of one call, line by line",
        "exit status: 0 priced, 3 a lower bound only, 4 unpriced, 2 bad usage",
    ),
    "models": (
        models,
        "the models that the price book knows, and their prices",
        "exit status: 0 listed, 4 none found, 2 bad usage",
    ),
    "check": (
        check,
        "check a price file and show what it changes",
        "exit status: 0 it can be used, 1 it cannot, 2 bad usage",
    ),
    "explain": (
        explain,
        "which row prices a model, and why not another",
        "exit status: 0 a row answers, 4 none does, 2 bad usage",
    ),
    "diff": (diff, "what differs between two price books", "exit status: 0 the same, 1 different, 2 bad usage"),
    "report": (
        report,
        "what the calls in exported telemetry cost",
        "exit status: 0 every call has a price, 3 some have none, 4 no calls found, 2 bad usage",
    ),
    "reconcile": (
        reconcile,
        "what OpenAI billed, beside what our prices say",
        "exit status: 0 the lines agree, 1 some differ, 3 some cannot be computed and the others agree,\n"
        "4 nothing was billed or used, 5 the API did not answer, 2 bad usage\n"
        "The admin key is taken from the environment variable OPENAI_ADMIN_KEY.",
    ),
    "update": (update, "write a newer price book", "exit status: 0 written, 1 refused, 2 bad usage"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: of the command line; those of the process by default.

    Returns:
        The exit status.
    """
    parser = _parser()
    # A note in a book may hold characters that the terminal's encoding lacks.
    for stream in (sys.stdout, sys.stderr):
        _replace_what_cannot_be_written(stream)
    try:
        options = parser.parse_args(arguments)
    except SystemExit as stop:
        return cast(int, stop.code or 0)
    name = cast(str, options.command)
    try:
        status = _COMMANDS[name][0].run(options)
        sys.stdout.flush()
        return status
    except UsageError as error:
        print(f"{PROGRAM} {name}: error: {error}", file=sys.stderr)
        return USAGE
    except BrokenPipeError:
        # Whoever read the output has seen enough; nothing may be written when the interpreter closes it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13


class _Parser(ArgumentParser):
    """A parser whose complaints are one line, not a page of options."""

    def error(self, message: str) -> NoReturn:
        """Ends the command with the message."""
        self.exit(USAGE, f"{self.prog}: error: {message} (--help tells more)\n")


def _parser() -> ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="What OpenAI calls cost at list price: an estimate, not an invoice.",
        epilog=f"{PROGRAM} COMMAND --help tells more. Nothing is fetched from anywhere, except by update and reconcile.",
        allow_abbrev=False,
    )
    version = f"%(prog)s {__version__}, price book of {bundled_data()['version']}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary, epilog) in _COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=epilog,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        module.add_to(command)
    return parser


def _replace_what_cannot_be_written(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
