"""`python -m benchmarks.load CATALOG`: the service under load, beside a plain one.

The peer (`benchmarks.plain_service`) is what the tutorials of FastAPI, open_clip and Milvus come
to. Both services run at once, on copies of one embedded database, and are asked in turns: the
clients at one, then the same at the other. Services and clients share the machine's cores.

Every text is asked for once only, so that neither service can have remembered it; in the rows
"repeated" texts come again as shoppers' do (Zipf's law over 2,000 texts).

    python -m benchmarks.load ../shared/catalog/catalog.csv
    python -m benchmarks.load ../shared/catalog/catalog.csv --random ViT-B-32
    python -m benchmarks.load ../shared/catalog/catalog.csv --overload 60
"""

import csv
import itertools
import json
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.__main__ import random_model
from benchmarks.load_client import Orders
from benchmarks.measure import percentile
from benchmarks.querying import COLOURS, NOUNS, PATTERNS
from indexer import IndexOptions, index_catalog
from search.encoders import load_encoder
from search.store import open_store
from search.store.base import CollectionSpec, Entity
from search.types import Item

SEED = 7
CLIENTS = (1, 8, 32)
ALIAS = "products"
OCCASIONS = ("for work", "for a party", "for sports", "for the beach", "for winter", "for a walk")
PEOPLE = ("for men", "for women", "for boys", "for girls", "for everybody")
MANNERS = ("", "plain", "elegant", "cheap", "classic", "modern", "soft", "warm", "light", "slim")
REPEATED = 2_000
ZIPF = 1.0
TIMES_CAPACITY = 5
RECOVERY_S = 10


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: where it answers, and which process it is."""

    name: str
    port: int
    path: str
    pid: int


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one service, one mix of texts and one number of clients."""

    service: str
    mix: str
    clients: int
    per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    errors: int


def main(
    catalog: Annotated[Path, typer.Argument(help="Catalogue to index and query.")],
    random: Annotated[
        str | None,
        typer.Option(
            help="Random weights of this open_clip model, such as ViT-B-32, and random embeddings."
        ),
    ] = None,
    db: Annotated[Path | None, typer.Option(help="Database made before, with --keep.")] = None,
    keep: Annotated[Path | None, typer.Option(help="Folder to keep the database in.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Time of each measurement.")] = 8.0,
    clients: Annotated[str, typer.Option(help="Numbers of clients.")] = "1,8,32",
    threads: Annotated[
        bool, typer.Option("--def", help="The plain service's routes are def, not async def.")
    ] = False,
    overload: Annotated[
        float | None, typer.Option(help="Seconds at five times capacity, instead of the table.")
    ] = None,
) -> None:
    """Measure requests per second and latencies, or what an overload does."""
    with tempfile.TemporaryDirectory(prefix="vitrine-load-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        model = "mini" if random is None else random_model(random, folder / "model")
        database = db or (keep or folder) / "load.db"
        if not database.exists():
            _make_database(catalog, model, database, drawn=random is not None)
        texts = distinct_texts()
        if overload is not None:
            ours = stack.enter_context(_vitrine(database, model, folder))
            typer.echo(_overload(ours, texts, overload))
            return
        services = _both(stack, database, model, folder, threads)
        typer.echo(f"The same first hits for {_agreement(services):.0%} of 20 texts.\n")
        levels = [int(number) for number in clients.split(",")]
        typer.echo(table(_measured(services, texts, levels, seconds)))


def distinct_texts() -> Iterator[str]:
    """What shoppers might write, in an order by chance, each text once: 108,000 of them."""
    words = itertools.product(MANNERS, COLOURS, PATTERNS, NOUNS, PEOPLE, OCCASIONS)
    texts = [" ".join(" ".join(each).split()) for each in words]
    random.Random(SEED).shuffle(texts)
    return iter(texts)


def repeated_texts(texts: Iterator[str], count: int) -> list[str]:
    """So many draws from `REPEATED` texts by Zipf's law."""
    chosen = list(itertools.islice(texts, REPEATED))
    shares = 1 / np.arange(1, REPEATED + 1) ** ZIPF
    drawn = np.random.default_rng(SEED).choice(REPEATED, count, p=shares / shares.sum())
    return [chosen[number] for number in drawn]


def table(rows: Sequence[Row]) -> str:
    """The rows in Markdown, each of ours with its share of the plain service's throughput."""
    lines = [
        "| texts | clients | service | requests/s | p50 ms | p95 ms | p99 ms | errors | ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    peers = {(row.mix, row.clients): row.per_s for row in rows if row.service == "plain"}
    for row in rows:
        peer = peers.get((row.mix, row.clients), 0.0)
        ratio = f"{row.per_s / peer:.2f}" if row.service == "vitrine" and peer else ""
        lines.append(
            f"| {row.mix} | {row.clients} | {row.service} | {row.per_s:.1f} | {row.p50_ms:.0f} "
            f"| {row.p95_ms:.0f} | {row.p99_ms:.0f} | {row.errors} | {ratio} |"
        )
    return "\n".join(lines)


def _measured(
    services: Sequence[Service], texts: Iterator[str], levels: Sequence[int], seconds: float
) -> list[Row]:
    rows = []
    for clients in levels:
        for service in services:
            asked = list(itertools.islice(texts, 6_000))
            rows.append(_row(service, "distinct", clients, asked, seconds))
    asked = repeated_texts(texts, 30_000)
    for service in services:
        rows.append(_row(service, "repeated", levels[-1], asked, seconds))
    return rows


def _row(service: Service, mix: str, clients: int, texts: list[str], seconds: float) -> Row:
    told = _ask(Orders(service.port, service.path, texts, clients, seconds))
    took = told["took_ms"] or [0.0]
    p50, p95, p99 = (percentile(took, share) for share in (0.5, 0.95, 0.99))
    errors = sum(count for status, count in told["statuses"].items() if status != "200")
    per_s = len(told["took_ms"]) / told["seconds"]
    return Row(service.name, mix, clients, per_s, p50, p95, p99, errors)


def _ask(orders: Orders) -> dict[str, Any]:
    told = json.dumps({name: getattr(orders, name) for name in Orders.__slots__})
    command = [sys.executable, "-m", "benchmarks.load_client"]
    done = subprocess.run(command, input=told, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _overload(service: Service, texts: Iterator[str], seconds: float) -> str:
    """What an overload does, in Markdown: answers, memory by time, and how soon it is over."""
    before = _row(service, "distinct", 1, list(itertools.islice(texts, 3_000)), 5)
    at_rest = _row(service, "distinct", 32, list(itertools.islice(texts, 6_000)), 5)
    rate = TIMES_CAPACITY * at_rest.per_s
    asked = list(itertools.islice(texts, int(rate * (seconds + 2))))
    memory = _Memory(service.pid)
    with memory:
        told = _ask(
            Orders(service.port, service.path, asked, 512, seconds, warm_up_s=0.0, rate=rate)
        )
    took = told["took_ms"]
    statuses = ", ".join(f"{status}: {count:,}" for status, count in told["statuses"].items())
    sent = sum(told["statuses"].values())
    after = [
        _row(service, "distinct", 1, list(itertools.islice(texts, 500)), 1)
        for _ in range(RECOVERY_S)
    ]
    return "\n".join(
        [
            "| | |",
            "|---|---|",
            f"| capacity, 32 clients | {at_rest.per_s:.0f} requests/s |",
            f"| offered | {sent / told['seconds']:.0f} requests/s for {told['seconds']:.0f} s, "
            f"at most {told['late_s']:.2f} s late |",
            f"| answers by status | {statuses} |",
            f"| answered 200 | {len(took) / told['seconds']:.0f} requests/s, p50 "
            f"{percentile(took, 0.5):.0f} ms, p99 {percentile(took, 0.99):.0f} ms |",
            f"| memory (RSS), MB, every tenth | {memory.told()} |",
            f"| one client before | p50 {before.p50_ms:.0f} ms, p95 {before.p95_ms:.0f} ms |",
            "| one client after, second by second, p50 ms | "
            + ", ".join(f"{row.p50_ms:.0f}" for row in after)
            + " |",
        ]
    )


class _Memory:
    """The resident memory of a process while something runs, ten times or so."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._seen: list[float] = []

    def __enter__(self) -> "_Memory":
        import threading

        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            status = Path(f"/proc/{self._pid}/status").read_text(encoding="utf-8")
            self._seen.append(int(status.partition("VmRSS:")[2].split()[0]) / 1000)
            if self._over.wait(1.0):
                return

    def told(self) -> str:
        step = max(1, len(self._seen) // 10)
        return ", ".join(f"{mb:.0f}" for mb in self._seen[::step])


def _make_database(catalog: Path, model: str, path: Path, *, drawn: bool) -> None:
    """Index the catalogue; with `drawn`, its items with random embeddings of the model's dim."""
    store = open_store(str(path))
    try:
        encoder = load_encoder(model, device="cpu")
        if not drawn:
            options = IndexOptions(job_dir=path.parent / "jobs")
            index_catalog(catalog, store=store, encoder=encoder, alias=ALIAS, options=options)
            return
        spec = CollectionSpec(f"{ALIAS}__v1", encoder.identity)
        store.create(spec)
        with catalog.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
        made = np.random.default_rng(SEED).standard_normal((len(rows), encoder.dim))
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        store.upsert(
            spec.name,
            [
                Entity(
                    Item(row["id"], row["image"], row.get("title", ""), extra=dict(row)),
                    embedding.astype(np.float32),
                    "",
                    "",
                )
                for row, embedding in zip(rows, made, strict=True)
            ],
        )
        store.flush(spec.name)
        store.set_alias(ALIAS, spec.name)
    finally:
        store.close()


def _both(
    stack: ExitStack, database: Path, model: str, folder: Path, threads: bool
) -> list[Service]:
    copy = shutil.copytree(database, folder / "plain.db")
    store = open_store(str(copy))
    collection = store.resolve(ALIAS).name
    store.close()
    plain = stack.enter_context(_plain(copy, collection, model, folder, threads))
    return [plain, stack.enter_context(_vitrine(database, model, folder))]


@contextmanager
def _plain(
    database: Path, collection: str, model: str, folder: Path, threads: bool
) -> Iterator[Service]:
    port = _free_port()
    module = ["-m", "benchmarks.plain_service", str(database), collection, model, str(port)]
    with _running([*module, *(["def"] if threads else [])], folder / "plain.log") as pid:
        service = Service("plain", port, "/search", pid)
        _wait_for(f"http://127.0.0.1:{port}/search?q=warm", folder / "plain.log")
        yield service


@contextmanager
def _vitrine(database: Path, model: str, folder: Path) -> Iterator[Service]:
    port = _free_port()
    code = ["-c", "from api.cli.main import main; main()", "serve", "--db", str(database)]
    options = ["--collection", ALIAS, "--model", model, "--port", str(port)]
    with _running([*code, *options], folder / "vitrine.log") as pid:
        _wait_for(f"http://127.0.0.1:{port}/readyz", folder / "vitrine.log")
        _wait_until_idle(pid)
        yield Service("vitrine", port, "/v1/search", pid)


@contextmanager
def _running(arguments: Sequence[str], log: Path) -> Iterator[int]:
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *arguments], stdout=out, stderr=out)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(url: str, log: Path, seconds: float = 180.0) -> None:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                answer.read()
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"{url} does not answer. {log.read_text(encoding='utf-8')[-2000:]}")


def _wait_until_idle(pid: int, seconds: float = 180.0) -> None:
    """Let a service finish what it does beside the queries after its start: it would slow both."""
    ends, used = time.monotonic() + seconds, _cpu_ticks(pid)
    while time.monotonic() < ends:
        time.sleep(2.0)
        before, used = used, _cpu_ticks(pid)
        if used - before < 10:  # Of 200 on one core.
            return
    raise SystemExit("The service is still busy with itself.")


def _cpu_ticks(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def _agreement(services: Sequence[Service]) -> float:
    """The share of texts to which both services answer with the same first hit."""
    texts = [f"{colour} {noun}" for colour, noun in itertools.product(COLOURS, NOUNS[:2])]
    firsts = [[_first_hit(service, text) for text in texts] for service in services]
    return float(np.mean([ours == theirs for ours, theirs in zip(*firsts, strict=True)]))


def _first_hit(service: Service, text: str) -> str:
    url = f"http://127.0.0.1:{service.port}{service.path}?q={text.replace(' ', '%20')}"
    with urllib.request.urlopen(url) as answer:
        return str(json.load(answer)["hits"][0]["id"])


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


if __name__ == "__main__":
    typer.run(main)
