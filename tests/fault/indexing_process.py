"""`index_catalog` in a process of its own that writes down every image that it embeds.

The processes are forked off a server that has imported the libraries and run nothing of them
(`multiprocessing`'s fork server): tests that kill dozens wait for what they do, not for imports.
"""

import multiprocessing
import os
import random
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from indexer import IndexOptions, index_catalog
from search.encoders import Encoder, load_encoder
from search.errors import VitrineError
from search.store import open_store
from tests.waiting import wait_until

BATCH, SHARD_ROWS = 16, 64
PATIENCE_S = 120.0

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([__name__, "tests.fault.libraries"])


class _Written:
    """An encoder that adds a dot to a file for every image."""

    def __init__(self, encoder: Encoder, log: Path) -> None:
        self._encoder, self._log = encoder, log.open("ab", buffering=0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._encoder, name)

    def encode_pixels(self, pixels: Any) -> Any:
        embeddings = self._encoder.encode_pixels(pixels)
        self._log.write(b"." * len(pixels))
        return embeddings


def _index(
    catalog: Path, uri: str, jobs: Path, log: Path, said: Path, largest_file_bytes: int
) -> None:
    """What the process does; its errors go to the file `said`, its exit code is the command's."""
    os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), sys.stderr.fileno())
    if largest_file_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, largest_file_bytes))
    options = IndexOptions(
        batch_size=BATCH,
        shard_rows=SHARD_ROWS,
        job_dir=jobs,
        max_failed_share=1.0,
        decode_workers=2,
    )
    encoder: Any = _Written(load_encoder("mini", device="cpu"), log)
    try:
        with closing(open_store(uri, timeout_s=10)) as store:
            index_catalog(catalog, store=store, encoder=encoder, alias="products", options=options)
    except VitrineError as error:
        sys.exit(str(error))


def draw_catalog(folder: Path, rows: int) -> Path:
    """A catalogue of images that all differ, each small."""
    folder.mkdir()
    rng = np.random.default_rng(7)
    lines = ["id,image,price"]
    for number in range(rows):
        colours = rng.integers(0, 255, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(colours).resize((24, 24), Image.Resampling.NEAREST)
        image.save(folder / f"{number}.png")
        lines.append(f"item-{number},{number}.png,{number}")
    (folder / "catalog.csv").write_text("\n".join(lines))
    return folder / "catalog.csv"


class IndexingProcess:
    """One run on a catalogue, into the database at `uri`."""

    def __init__(
        self, catalog: Path, uri: str, folder: Path, *, largest_file_bytes: int = 0
    ) -> None:
        self.jobs, self._log, self._said = (
            folder / name for name in ("jobs", "embedded.log", "stderr.log")
        )
        self._before = self.embedded
        self.process = _FORKED.Process(
            target=_index,
            args=(catalog, uri, self.jobs, self._log, self._said, largest_file_bytes),
        )
        self.process.start()

    @property
    def embedded(self) -> int:
        """Images that all processes on this folder have embedded."""
        return self._log.stat().st_size if self._log.exists() else 0

    @property
    def shards(self) -> int:
        """Shards in all job folders."""
        return sum(1 for _ in self.jobs.glob("*/shards/*.parquet"))

    def wait_for(self, images: int) -> bool:
        """Wait until this process has embedded so many more images; False when it has ended."""
        return self._wait(lambda: self.embedded - self._before >= images)

    def wait_for_shard(self, above: int) -> bool:
        """Wait until there are more shards: the last one is then on its way to the store."""
        return self._wait(lambda: self.shards > above)

    def kill(self) -> None:
        """As a power cut does."""
        self.process.kill()
        self.process.join()

    def finish(self, timeout_s: float = PATIENCE_S) -> tuple[int | None, str]:
        """Wait for the end: the exit code (None: it has not ended) and what was said on stderr."""
        self.process.join(timeout_s)
        return self.process.exitcode, self._said.read_text()

    def _wait(self, condition: Callable[[], bool]) -> bool:
        wait_until(lambda: condition() or not self.process.is_alive(), PATIENCE_S)
        return self.process.is_alive()


def moments(count: int, most: int) -> list[int | None]:
    """Where to kill: after so many images, or (None) as soon as a shard is on disk."""
    lot = random.Random(20)
    return [None if lot.random() < 0.3 else lot.randrange(0, most) for _ in range(count)]
