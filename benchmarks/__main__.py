"""`python -m benchmarks`: index a catalogue, query it, and compare with the same work by hand."""

import json
import platform
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import indexing, querying
from benchmarks.measure import Measure

DEFAULT_CATALOG = Path("sample_data/catalog.csv")


def main(
    catalog: Annotated[
        Path, typer.Argument(help="Catalogue to index and query.")
    ] = DEFAULT_CATALOG,
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
    queries: Annotated[int, typer.Option(min=10, help="How many text queries.")] = 200,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Measure indexing throughput and query latency, each beside a named peer.

    Run it on a machine that does nothing else; the ratios are what to keep, the absolute numbers
    belong to the machine.
    """
    progress = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        progress.print(f"indexing {catalog} with {model} ...")
        measures = indexing.run(catalog, model, Path(folder))
        progress.print(f"{queries} text queries ...")
        measures += querying.run(catalog, model, Path(folder), queries)
    if as_json:
        typer.echo(json.dumps([measure.to_json() for measure in measures], indent=2))
    else:
        Console().print(_table(measures))


def _table(measures: list[Measure]) -> Table:
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    table = Table(title=f"vitrine benchmarks ({machine})", title_justify="left")
    for name in ("what", "vitrine", "peer", "peer is", "ratio"):
        table.add_column(name, overflow="fold")
    for measure in measures:
        table.add_row(*measure.cells())
    return table


if __name__ == "__main__":
    typer.run(main)
