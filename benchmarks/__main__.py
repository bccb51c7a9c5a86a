"""`python -m benchmarks`: index a catalogue, query it, and compare with the same work by hand.

`--memory` instead measures how memory grows with the length of a catalogue.
"""

import json
import platform
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import indexing, querying
from benchmarks import memory as memory_of_rows
from benchmarks.measure import Measure

ROWS = (10_000, 100_000, 1_000_000)
DEFAULT_CATALOG = Path("sample_data/catalog.csv")


def main(
    catalog: Annotated[
        Path, typer.Argument(help="Catalogue to index and query.")
    ] = DEFAULT_CATALOG,
    model: Annotated[str, typer.Option(help="Model to measure with.")] = "mini",
    random: Annotated[
        str | None,
        typer.Option(help="Measure with random weights of this open_clip model, such as ViT-B-32."),
    ] = None,
    queries: Annotated[int, typer.Option(min=10, help="How many text queries.")] = 200,
    clip_retrieval: Annotated[
        str | None,
        typer.Option(
            metavar="PYTHON",
            help="Python of an environment that has clip-retrieval; adds it as a peer.",
        ),
    ] = None,
    memory: Annotated[
        bool, typer.Option("--memory", help="Peak memory of 10,000 to 1,000,000 rows instead.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Measure indexing throughput and query latency, each beside a named peer.

    Run it on a machine that does nothing else; the ratios are what to keep, the absolute numbers
    belong to the machine.
    """
    progress = Console(stderr=True)
    if memory:
        _show(memory_of_rows.run(ROWS), as_json=as_json)
        return
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        if random is not None:
            model = random_model(random, Path(folder) / "model")
        progress.print(f"indexing {catalog} with {model} ...")
        measures = indexing.run(catalog, model, Path(folder), clip_retrieval)
        progress.print(f"{queries} text queries ...")
        measures += querying.run(catalog, model, Path(folder), queries)
    _show(measures, as_json=as_json)


def random_model(architecture: str, folder: Path) -> str:
    """A model of open_clip with random weights, in a folder: as quick as the trained one."""
    from search.encoders.torchvision_ops import import_torchvision

    import_torchvision()
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    net = open_clip.create_model(architecture, pretrained=None)
    folder.mkdir()
    config = {
        "model_cfg": open_clip.get_model_config(architecture),
        "preprocess_cfg": dict(net.visual.preprocess_cfg),
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    weights = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    return f"local-dir:{folder}"


def _show(measures: list[Measure], *, as_json: bool) -> None:
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
