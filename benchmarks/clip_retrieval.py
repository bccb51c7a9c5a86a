"""clip-retrieval's inference as a peer for the pipeline, in an environment of its own."""

import csv
import json
import os
import subprocess
from pathlib import Path

from search.encoders import resolve_model
from search.encoders.registry import SourceKind
from search.errors import ConfigError

_BATCH = 64
_WORKER = Path(__file__).with_name("clip_retrieval_worker.py")
_VERSION = "from importlib.metadata import version as v; print(v('clip-retrieval'))"


def version(python: str, model: str) -> str:
    """The version of clip-retrieval in the environment of `python`.

    Raises:
        ConfigError: there is none, or clip-retrieval cannot load `model`.
    """
    if resolve_model(model).kind is SourceKind.HUB:
        raise ConfigError(
            f"clip-retrieval's open_clip: models cannot be of the hub, as '{model}' is.",
            hint="Download it into a folder and name it local-dir:PATH.",
        )
    try:
        return _run([python, "-I", "-c", _VERSION]).strip()
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"'{python}' is not the Python of an environment with clip-retrieval.",
            hint="docs/benchmarks.md says how to make one.",
        ) from error


def images_per_s(catalog: Path, model: str, folder: Path, python: str) -> float:
    """Embed a CSV catalogue's images with clip-retrieval: batches of 64, a worker for each core.

    In the time: its reading, decoding, batching and encoding, and the writing of its files of
    embeddings and of paths, all by its own code. Not in it: starting Python, imports, loading the
    model, its two batches of warming up, listing the folder, and the process that writes its
    statistics, which is left out. It stores no columns and fills no database.

    The images are linked into `folder`, which is made, under their rows' numbers.

    Raises:
        RuntimeError: clip-retrieval failed, or left images out.
    """
    source = resolve_model(model)
    images, job, measured = folder / "images", folder / "job.json", folder / "measured.json"
    rows = _link_images(catalog, images)
    given = {
        "images": str(images),
        "output": str(folder / "output"),
        "measured": str(measured),
        "model": f"{source.open_clip_name}/{source.tag}",
        "folder": str(source.path) if source.path else None,
        "batch_size": _BATCH,
        "workers": os.cpu_count() or 1,
    }
    job.write_text(json.dumps(given), encoding="utf-8")
    _run([python, "-I", str(_WORKER), str(job)])
    found = json.loads(measured.read_text(encoding="utf-8"))
    if found["images"] != rows:
        raise RuntimeError(f"clip-retrieval embedded {found['images']} of {rows} images")
    return rows / float(found["s"])


def _link_images(catalog: Path, folder: Path) -> int:
    """A link for each row, since clip-retrieval reads whole folders. Gives the number of rows."""
    folder.mkdir(parents=True)
    number = 0
    with catalog.open(newline="", encoding="utf-8") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=1):
            image = (catalog.parent / row["image"]).resolve()
            (folder / f"{number:08d}{image.suffix}").symlink_to(image)
    return number


def _run(command: list[str]) -> str:
    """What a command says on stdout; its last words on stderr are in the error if it fails."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"it ended with {done.returncode}: {done.stderr[-2000:].strip()}")
    return done.stdout
