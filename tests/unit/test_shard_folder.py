"""Shards of jobs in folders and object stores: written, found again, refused where they cannot be.

The object stores are servers of this machine with the protocols of S3 and of Google's storage.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from indexer import IndexOptions, IndexReport, index_catalog
from indexer.exchange import import_embeddings, open_exchange
from indexer.shard_folder import ShardFolder
from indexer.staging import StagedEmbeddings, shards_of, write_shard
from search.config import Settings
from search.encoders import Encoder, load_encoder
from search.errors import ConfigError, UnavailableError
from search.store import Entity, Store, open_store
from search.types import Item
from tests.drawn_catalog import rows_of, write
from tests.gs_server import GsMissing, GsServer, running_gs
from tests.gs_server import skip_or_fail as gs_missing
from tests.s3_server import BUCKET, S3Missing, S3Server, running_s3, skip_or_fail

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    try:
        with running_s3() as server:
            yield server
    except S3Missing as missing:
        skip_or_fail(missing)


@pytest.fixture(scope="module")
def gs() -> Iterator[GsServer]:
    try:
        with running_gs() as server:
            yield server
    except GsMissing as missing:
        gs_missing(missing)


@pytest.fixture(params=["folder", "file", "memory", "s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A place that holds nothing yet."""
    match request.param:
        case "folder":
            return str(tmp_path / "shards here")
        case "file":
            return f"file://{tmp_path}/shards"
        case "memory":
            return f"memory://{tmp_path}"
        case "gs":
            return request.getfixturevalue("gs").url(f"{tmp_path.name}/shards/")
        case _:
            return request.getfixturevalue("s3").url(f"{tmp_path.name}/shards/")


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder("mini", device="cpu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "one.db"))) as store:
        yield store


def entity(number: int) -> Entity:
    embedding = np.random.default_rng(number).normal(size=8).astype(np.float32)
    embedding /= np.linalg.norm(embedding)
    return Entity(Item(f"i{number}", "a.png", ""), embedding, f"{number:032x}", "0" * 32)


def run(
    catalog: Path, store: Store, encoder: Encoder, place: str | None, **more: object
) -> IndexReport:
    options = IndexOptions(
        job_dir=catalog.parent / "jobs", batch_size=2, shard_rows=4, shards_dir=place, **more  # type: ignore[arg-type]
    )  # fmt: skip
    return index_catalog(catalog, store=store, encoder=encoder, alias="products", options=options)


def test_shards_are_found_where_they_were_written_and_a_cut_one_is_left_out(
    place: str, tmp_path: Path
) -> None:
    job = tmp_path / "jobs" / "20260101T000000.000Z-products"
    job.mkdir(parents=True)
    shards = ShardFolder.below(place, job)
    (job / "manifest.json").write_text(json.dumps({"shards": shards.address}))
    assert shards_of(job) == [], "a run that was killed before its first shard"
    shards.begin()
    for number in range(3):
        write_shard(shards, f"{number:05}", [entity(n) for n in range(number * 5, number * 5 + 5)])
    shards.write("00001", b"PAR1 and no end")
    assert shards_of(job) == [f"{shards.address}/0000{number}.parquet" for number in range(3)]
    staged = StagedEmbeddings([job])
    assert len(staged) == 10
    for number in (0, 4, 10, 14):
        found = staged.get(f"{number:032x}")
        assert found is not None
        np.testing.assert_allclose(found, entity(number).embedding, atol=1e-7)
    assert staged.get(f"{7:032x}") is None


def test_who_sees_another_folder_is_told_so(s3: S3Server, tmp_path: Path) -> None:
    there, elsewhere = (ShardFolder(s3.url(f"{tmp_path.name}/{name}")) for name in "ab")
    there.begin()
    assert there.problem() is None
    assert elsewhere.problem() == "it is another folder there, or none"
    gone = ShardFolder("s3://no-such-bucket/shards")
    assert gone.problem() is not None
    with pytest.raises(UnavailableError, match="Nothing can be written to s3://no-such-bucket"):
        gone.begin()
    assert [bucket["Name"] for bucket in s3.client.list_buckets()["Buckets"]] == [BUCKET]


def test_a_run_that_was_killed_goes_on_from_shards_in_an_object_store(
    s3: S3Server, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    catalog = write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 12))
    place = s3.url(f"{tmp_path.name}/killed")
    first = run(catalog, store, mini, place)
    assert first.indexed == 12
    assert not (first.job / "shards").exists()
    assert len(shards_of(first.job)) == 3 and shards_of(first.job)[0].startswith(place)

    # As a kill leaves it: no report, and of the store all that came later than the shards is gone.
    (first.job / "report.json").unlink()
    store.delete("products__v1", [f"i{number:03}" for number in range(8)])
    again = run(catalog, store, mini, None)
    assert again.resumed == (first.job.name,)
    assert (again.indexed, again.unchanged, again.reused, again.embedded) == (8, 4, 8, 0)
    assert store.count("products") == 12


def test_a_place_that_cannot_be_asked_ends_the_run_instead_of_embedding_again(
    s3: S3Server, store: Store, mini: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 6))
    first = run(catalog, store, mini, s3.url(tmp_path.name))
    (first.job / "report.json").unlink()
    manifest = json.loads((first.job / "manifest.json").read_text())
    manifest["shards"] = "nobody-knows-this://bucket/shards"
    (first.job / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UnavailableError, match="nobody-knows-this") as said:
        run(catalog, store, mini, None)
    assert "remove the folder of that job" in str(said.value)
    assert [*(tmp_path / "jobs").glob("*-products")] == [first.job], "nothing was begun"


def test_another_database_takes_them_by_reuse_and_by_import(
    s3: S3Server, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    catalog = write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 6))
    job = run(catalog, store, mini, s3.url(tmp_path.name)).job
    with closing(open_store(str(tmp_path / "two.db"))) as other:
        assert run(catalog, other, mini, None, reuse=(job,)).reused == 6
        exchange = open_exchange([str(job)])
        import_embeddings(exchange, store=other, alias="copy", job_dir=tmp_path / "imports")
        found = other.embeddings("copy", ["i003"])[1]
        np.testing.assert_allclose(found, store.embeddings("products", ["i003"])[1], atol=1e-6)


@pytest.mark.parametrize("place", ["https://shop.example/shards", "zip://a::s3://b/c.zip"])
def test_places_that_cannot_be_written_are_refused(
    place: str, store: Store, mini: Encoder, tmp_path: Path
) -> None:
    catalog = write(tmp_path / "catalog.jsonl", rows_of(tmp_path / "catalog.jsonl", 2))
    with pytest.raises(ConfigError, match="cannot be written to"):
        run(catalog, store, mini, place)
    assert [*(tmp_path / "jobs").glob("*-products")] == [] and store.names() == []


@pytest.mark.parametrize("given", ["s3://bucket/jobs", Path("s3://bucket/jobs"), "memory://x"])
def test_a_job_folder_at_an_address_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="shards_dir may be an address"):
        Settings(job_dir=given)  # type: ignore[arg-type]
    assert Settings(job_dir=Path("/srv/jobs")).jobs == Path("/srv/jobs")
