"""`python -m training`: train the bundled model, measure it, draw the sample catalogue."""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import torch

app = typer.Typer(
    help="Train an image-and-text model on a catalogue, measure it, draw sample products.",
    no_args_is_help=True,
    add_completion=False,
)

_Device = Annotated[str, typer.Option(help="auto, cpu or cuda; auto takes cuda where it is.")]
_Threads = Annotated[int, typer.Option(help="CPU threads; 0 lets torch decide.")]


@app.command()
def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, such as training/mini.toml.")],
    out: Annotated[
        Path, typer.Option(help="Folder for the weights, as open_clip's `local-dir:` loads them.")
    ] = Path("runs/mini/model"),
    run: Annotated[
        Path, typer.Option(help="Folder for checkpoint and history; name it again to go on.")
    ] = Path("runs/mini"),
    cache: Annotated[
        Path, typer.Option(help="Folder for decoded photos and drawings (some 1.4 GB).")
    ] = Path("runs/cache"),
    catalog: Annotated[
        Path | None, typer.Option(help="Catalogue folder, in place of the recipe's.")
    ] = None,
    device: _Device = "auto",
    threads: _Threads = 0,
) -> None:
    """Train from a recipe, on split `train` of a catalogue and on drawn products.

    The averaged weights are exported at every checkpoint. A run that was stopped goes on from its
    last checkpoint and ends with the weights it would have had. At the end, curves.png is written
    beside the weights (with the `train` extra). Figures come from `evaluate`.
    """
    from training.config import Recipe
    from training.train import Trainer, load_sources

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    read = Recipe.read(recipe)
    if catalog is not None:
        read = read.model_copy(update={"data": read.data.model_copy(update={"catalog": catalog})})
    chosen = _device(device, threads)
    run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(read, load_sources(read, cache), run, chosen)
    if trainer.resume():
        typer.echo(f"going on from step {trainer.step}", err=True)
    trainer.train(export_to=out)
    _curves(run, out)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A model folder (`local-dir:` of open_clip).")],
    catalog: Annotated[
        Path, typer.Option(help="Catalogue folder; its split `test` is measured.")
    ] = Path("../shared/catalog"),
    photos: Annotated[
        Path, typer.Option(help="Folder of photos with labels: catalog.csv with image, label.")
    ] = Path("../shared/photos"),
    sample: Annotated[Path, typer.Option(help="The sample catalogue with known answers.")] = Path(
        "sample_data"
    ),
    out: Annotated[
        Path | None, typer.Option(help="Write the figures here too; metrics.json by custom.")
    ] = None,
    recipe: Annotated[
        Path, typer.Option(help="The model's recipe: which photos it held back.")
    ] = Path("training/mini.toml"),
    beside: Annotated[
        Path, typer.Option(help="Figures to show beside: what --out wrote of another model.")
    ] = Path("training/plain_metrics.json"),
    device: _Device = "auto",
    threads: _Threads = 0,
) -> None:
    """Measure a model and print its figures beside those of simpler recipes.

    What is measured: on split `test`, retrieval by title, "{colour} {article type}" queries, the
    nearest images, zero-shot article types; on photos taken at home, zero-shot labels; on the
    sample catalogue, nDCG@10 of its queries. A folder that is absent is left out. Titles are
    searched among the items of `test`, and again among 1,886 candidates: those and photos that
    the recipe held back from training.
    """
    from training import report
    from training.config import Recipe
    from training.evaluate import Model, evaluate_all, photos_held_back

    chosen = _device(device, threads)
    others = photos_held_back(Recipe.read(recipe), catalog)
    loaded = Model.load(f"local-dir:{model}", chosen)
    figures = evaluate_all(loaded, catalog, photos, sample, others)
    report.show(figures, report.read(beside) if beside.exists() else None)
    if out is not None:
        report.write(figures, out)


@app.command()
def draw(
    folder: Annotated[Path, typer.Argument(help="Folder to write the sample catalogue into.")],
) -> None:
    """Draw the sample catalogue: images, catalog.csv, queries and their known answers."""
    from training.drawing import write_sample_data

    write_sample_data(folder, seed=7)


def _device(name: str, threads: int) -> "torch.device":
    import torch

    if threads:
        torch.set_num_threads(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _curves(run: Path, out: Path) -> None:
    from training import curves

    try:
        curves.plot(run, out / "curves.png")
    except ImportError:
        typer.echo("no curves.png: install the `train` extra for it", err=True)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    app()
