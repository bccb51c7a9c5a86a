"""The command line: one file a command, put together here."""

import sys

import typer

from api.cli import console
from api.cli.collections import collections
from api.cli.demo import demo
from api.cli.doctor import doctor
from api.cli.duplicates import duplicates
from api.cli.evaluate import evaluate
from api.cli.export import export
from api.cli.import_ import import_
from api.cli.index import index
from api.cli.reindex import reindex
from api.cli.report import report
from api.cli.rollback import rollback
from api.cli.search import search, similar
from api.cli.serve import serve

app = typer.Typer(
    name="vitrine",
    help="Semantic search for image catalogues: by a sentence, a picture, or both.",
    epilog="Settings come from options, then from VITRINE_* environment variables. "
    "Exit codes: 0 done, 1 failed, 2 wrong usage or input, 3 done with items left out.",
    no_args_is_help=True,
    # Errors of ours become one line in console.run; any other keeps Python's own traceback.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(index)
app.command()(search)
app.command()(similar)
app.command()(serve)
app.command("eval")(evaluate)
app.command()(reindex)
app.command()(rollback)
app.command()(collections)
app.command()(duplicates)
app.command()(report)
app.command()(export)
app.command("import")(import_)
app.command()(doctor)


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
