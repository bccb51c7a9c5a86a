"""How commands talk: results on stdout, everything else on stderr, exit codes by what happened."""

import json
import sys
from collections.abc import Callable
from typing import NoReturn

from rich.console import Console
from rich.text import Text

from search.errors import InvalidInputError, VitrineError

DONE = 0
FAILED = 1
USAGE = 2
DONE_WITH_QUARANTINED = 3
INTERRUPTED = 130
"""What shells say of a program that Ctrl-C ended."""

# Titles and queries are other people's words: brackets and colons in them are no markup.
stdout = Console(markup=False, emoji=False, highlight=False)
stderr = Console(stderr=True, markup=False, emoji=False, highlight=False)


def print_json(value: object) -> None:
    """Write one JSON document to stdout, readable by people and programs."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n")


def note(message: str) -> None:
    """Say something beside the result, on stderr."""
    stderr.print(Text(message), style="dim", soft_wrap=True)


def warn(message: str) -> None:
    """Say something that the reader should act on, on stderr."""
    stderr.print(Text.assemble(("Warning: ", "yellow"), message), soft_wrap=True)


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """So many of something, in the right number: `1 row`, `2,000 rows`.

    `plural`: the noun for any number but one, if it is not the noun with an s.
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def run(command: Callable[[], object], *, as_json: bool) -> NoReturn:
    """Run the command line and leave with its exit code.

    An error that vitrine raised on purpose becomes one line on stderr (and, for programs, an
    error object on stdout): exit code 2 when the caller can mend the input, else 1. Any other
    exception is a defect and keeps its traceback.
    """
    try:
        command()
    except VitrineError as error:
        if as_json:
            print_json(error_object(error))
        stderr.print(Text.assemble(("Error: ", "bold red"), str(error)), soft_wrap=True)
        sys.exit(USAGE if isinstance(error, InvalidInputError) else FAILED)
    sys.exit(DONE)


def error_object(error: VitrineError) -> dict[str, object]:
    """The error as the HTTP service says it, less the id of a request."""
    return {"error": {"code": error.code, "message": str(error), "details": error.details}}
