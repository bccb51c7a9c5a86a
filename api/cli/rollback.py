"""`vitrine rollback`."""

from contextlib import closing
from typing import Annotated

import typer

from api.cli import options
from api.cli.console import counted, note, print_json, stdout


def rollback(
    to: Annotated[
        int | None,
        typer.Option(
            "--to", min=1, metavar="NUMBER", help="The version to go to. (default: the one before)"
        ),
    ] = None,
    db: options.Db = None,
    collection: options.Collection = None,
    json: options.Json = False,
) -> None:
    """Go back to the version of a collection that was live before, at once.

    No model is loaded and nothing is dropped: --to leads forward again. A running service
    follows without a restart.

    Examples:

      vitrine rollback
      vitrine rollback --to 3
    """
    settings = options.make_settings(db=db, collection=collection)
    from indexer.rollout import rollback as go_back
    from search.store import open_store_of

    with closing(open_store_of(settings, create=False)) as store:
        done = go_back(store, settings.collection, to)
    if json:
        print_json(
            {
                "alias": done.alias,
                "live_before": done.before,
                "live": done.now.name,
                "model": done.now.model.name,
                "items": done.now.count,
                "ms": round(done.seconds * 1000, 3),
            }
        )
        return
    stdout.print(
        f"{done.alias} leads to {done.now.name} now: {counted(done.now.count, 'item')}, "
        f"model {done.now.model.name}.",
        soft_wrap=True,
    )
    note(f"It led to {done.before}. Took {done.seconds * 1000:.0f} ms.")
