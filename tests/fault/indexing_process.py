"""`index_catalog` in a process of its own that writes down every image that it embeds."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
BATCH, SHARD_ROWS = 16, 64
PATIENCE_S = 120.0

SCRIPT = """
import resource, signal, sys
from contextlib import closing
from collections.abc import Callable
from pathlib import Path
from indexer import IndexOptions, index_catalog
from search.encoders import load_encoder
from search.errors import VitrineError
from search.store import open_store

catalog, uri, jobs, log, largest_file = sys.argv[1:]
if int(largest_file):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file), int(largest_file)))
encoder = load_encoder("mini", device="cpu")
encode, written = encoder.encode_pixels, open(log, "ab", buffering=0)

class Written:
    def __getattr__(self, name):
        return getattr(encoder, name)

    def encode_pixels(self, pixels):
        embeddings = encode(pixels)
        written.write(b"." * len(pixels))
        return embeddings

options = IndexOptions(
    batch_size=%d, shard_rows=%d, job_dir=Path(jobs), max_failed_share=1.0, decode_workers=2
)
try:
    with closing(open_store(uri, timeout_s=10)) as store:
        index_catalog(catalog, store=store, encoder=Written(), alias="products", options=options)
except VitrineError as error:
    print(error, file=sys.stderr)
    sys.exit(1)
""" % (BATCH, SHARD_ROWS)  # noqa: UP031


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
    """One run of the script above on a catalogue, into the database at `uri`."""

    def __init__(
        self, catalog: Path, uri: str, folder: Path, *, largest_file_bytes: int = 0
    ) -> None:
        self.jobs, self._log = folder / "jobs", folder / "embedded.log"
        self._before = self.embedded
        given = (catalog, uri, self.jobs, self._log, largest_file_bytes)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, *map(str, given)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

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
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def finish(self, timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """Wait for the end: the exit code and what was said on stderr."""
        stderr = self.process.communicate(timeout=timeout_s)[1].decode()
        return self.process.returncode, stderr

    def _wait(self, condition: Callable[[], bool]) -> bool:
        wait_until(lambda: condition() or self.process.poll() is not None, PATIENCE_S)
        return self.process.poll() is None


def moments(count: int, most: int) -> list[int | None]:
    """Where to kill: after so many images, or (None) as soon as a shard is on disk."""
    lot = random.Random(20)
    return [None if lot.random() < 0.3 else lot.randrange(0, most) for _ in range(count)]
