"""The command line: one file a command, put together here."""

import inspect
import sys
from collections.abc import Callable

import typer

from api.cli import console
from api.cli.classify import classify
from api.cli.collections import collections
from api.cli.demo import demo
from api.cli.doctor import doctor
from api.cli.duplicates import duplicates
from api.cli.evaluate import evaluate
from api.cli.export import export
from api.cli.import_ import import_
from api.cli.index import index
from api.cli.keys import keys
from api.cli.look import look
from api.cli.make_queries import make_queries
from api.cli.moderate import moderate
from api.cli.openapi import openapi
from api.cli.reindex import reindex
from api.cli.report import report
from api.cli.rollback import rollback
from api.cli.search import search
from api.cli.serve import serve
from api.cli.similar import similar
from api.cli.tag import tag

app = typer.Typer(
    name="vitrine",
    help="Semantic search for image catalogues: by a sentence, a picture, or both.",
    epilog="Settings come from options, then from VITRINE_* environment variables. "
    "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 done with rows left out, "
    "130 interrupted.",
    no_args_is_help=True,
    # Errors of ours become one line in console.run; any other keeps Python's own traceback.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def reflowed(text: str) -> str:
    """A docstring as help: paragraphs are lines of their own, indented lines (examples) stay.

    What shows the help breaks its lines to the terminal's width, and keeps those that are there.
    """
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(
        paragraph if paragraph.startswith(" ") else " ".join(paragraph.split("\n"))
        for paragraph in paragraphs
    )


def _add(command: Callable[..., None], name: str | None = None) -> None:
    app.command(name, help=reflowed(command.__doc__ or ""))(command)


_add(demo)
_add(index)
_add(search)
_add(similar)
_add(look)
_add(serve)
app.add_typer(keys)
_add(evaluate, "eval")
_add(make_queries, "make-queries")
_add(reindex)
_add(rollback)
_add(collections)
_add(classify)
_add(tag)
_add(moderate)
_add(duplicates)
_add(report)
_add(export)
_add(import_, "import")
_add(openapi)
_add(doctor)


@app.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(
        False, "--version", help="Print the version and leave.", is_eager=True
    ),
) -> None:
    """Semantic search for image catalogues: by a sentence, a picture, or both."""
    if show:
        from importlib.metadata import version as installed

        console.stdout.print(f"vitrine {installed('vitrine')}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    console.run(app, as_json="--json" in sys.argv)
