"""Peak memory of reading catalogues that differ only in their length."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Measure

IMAGES = 500
"""Different images; the rows share them, since only the rows' number matters here."""

_CHILD = """
import json, sys, time
from pathlib import Path
from indexer import IndexOptions, plan_index

started = time.perf_counter()
options = IndexOptions(job_dir=Path(sys.argv[2]))
plan = plan_index(sys.argv[1], store=None, alias="products", options=options)
kib = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(json.dumps({"rows": plan.new, "mib": kib / 1024, "s": time.perf_counter() - started}))
"""


def run(lengths: tuple[int, ...]) -> list[Measure]:
    """Peak memory of each length, in a process of its own, beside that of the first."""
    measures: list[Measure] = []
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as made:
        folder = Path(made)
        draw_images(folder)
        first: float | None = None
        for rows in lengths:
            found = _measure(write_catalog(folder, rows), folder / "jobs")
            if found["rows"] != rows:
                raise RuntimeError(f"{found['rows']} of {rows} rows were read")
            name = f"peak memory of {rows:,} rows ({rows / found['s']:,.0f} rows/s)"
            measures.append(
                Measure(name, found["mib"], "MiB", first, f"{lengths[0]:,} rows" if first else "")
            )
            first = first or found["mib"]
    return measures


def draw_images(folder: Path) -> None:
    """Small images, each of another colour."""
    from PIL import Image

    for number in range(IMAGES):
        colour = (number % 256, number * 7 % 256, number * 13 % 256)
        Image.new("RGB", (8, 8), colour).save(folder / f"{number}.png")


def write_catalog(folder: Path, rows: int) -> Path:
    """A CSV catalogue of so many rows."""
    path = folder / f"{rows}.csv"
    with path.open("w", encoding="utf-8") as stream:
        stream.write("id,image,title,price,colour\n")
        for row in range(rows):
            stream.write(f"sku-{row},{row % IMAGES}.png,Product {row},{row % 90}.5,red\n")
    return path


def _measure(catalog: Path, jobs: Path) -> dict[str, float]:
    given = [sys.executable, "-c", _CHILD, str(catalog), str(jobs)]
    said = subprocess.run(given, check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = json.loads(said)
    return found
