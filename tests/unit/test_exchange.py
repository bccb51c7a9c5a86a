"""Exports and imports: how files look, which are refused and why, and what becomes of bad rows."""

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from indexer import ColumnNames
from indexer.exchange import (
    ImportReport,
    export_collection,
    export_job,
    exporting,
    import_embeddings,
    open_exchange,
)
from search.encoders.base import ModelIdentity
from search.errors import (
    CatalogError,
    ConfigError,
    ModelMismatchError,
    UnavailableError,
    VitrineError,
)
from search.store import CollectionSpec, Entity, Store, open_store
from search.types import Field
from tests.contract.catalogue import DIM, FIELDS, MODEL, entity, shop, unit_vector

NAME = "shop__v1"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(open_store(str(tmp_path / "shop.db"))) as opened:
        yield opened


@pytest.fixture
def filled(store: Store) -> Store:
    store.create(CollectionSpec(NAME, MODEL, FIELDS))
    store.upsert(NAME, shop())
    return store


def load(store: Store, tmp_path: Path, *addresses: Path | str, **options: Any) -> ImportReport:
    exchange = open_exchange([str(address) for address in addresses], **options)
    return import_embeddings(exchange, store=store, alias="new", job_dir=tmp_path / "jobs")


def contents(store: Store, name: str) -> dict[str, Entity]:
    return {one.item.id: one for batch in store.scan(name) for one in batch}


def failures(report: ImportReport) -> list[tuple[int, str]]:
    lines = report.errors_file.read_text(encoding="utf-8").splitlines()
    told = [json.loads(line) for line in lines]
    assert all(one["reason"] and one["hint"] for one in told)
    return [(one["row"], one["code"]) for one in told]


# Exports


def test_an_export_says_everything_of_itself(filled: Store, tmp_path: Path) -> None:
    file = tmp_path / "shop.parquet"
    report = export_collection(filled, NAME, str(file))
    assert (report.rows, report.model, report.source) == (8, "mini", NAME)
    schema = pq.read_schema(file)
    assert [(column.name, str(column.type)) for column in schema] == [
        ("id", "string"),
        ("image_hash", "string"),
        ("row_hash", "string"),
        ("image", "string"),
        ("title", "string"),
        ("product_id", "string"),
        ("colour", "string"),
        ("Price (€)", "double"),
        ("stock", "int64"),
        ("on sale", "bool"),
        ("added_on", "date32[day]"),
        ("tags", "list<element: string>"),
        ("extra", "string"),
        ("embedding", f"fixed_size_list<element: float>[{DIM}]"),
    ]
    header = json.loads(schema.metadata[b"vitrine"])
    assert header["model"] == asdict(MODEL)
    assert header["fields"] == [[field.name, field.type] for field in FIELDS]
    rows = {row["id"]: row for row in pq.read_table(file).to_pylist()}
    assert (rows["a"]["added_on"], rows["a"]["tags"]) == (date(2024, 1, 1), ["summer", "new"])
    assert rows["h"]["colour"] is None


def test_memory_holds_a_row_group(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "BATCH_ROWS", 3)
    monkeypatch.setattr(exporting, "ROW_GROUP_BYTES", 1)
    told: list[tuple[int, int]] = []
    file = tmp_path / "shop.parquet"
    export_collection(
        filled, NAME, str(file), on_progress=lambda now: told.append((now.done, now.total))
    )
    metadata = pq.read_metadata(file)
    assert [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)] == [3, 3, 2]
    assert told[-1] == (8, 8)


def test_an_export_that_fails_leaves_what_was_there(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "shop.parquet"
    file.write_bytes(b"the one before")

    def stop(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "to_arrow", stop)
    with pytest.raises(UnavailableError, match="No space left"):
        export_collection(filled, NAME, str(file))
    assert file.read_bytes() == b"the one before"
    assert [path.name for path in tmp_path.glob("shop.parquet*")] == ["shop.parquet"]


def test_an_export_to_an_address_and_back(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    address = "memory://bucket/shop.parquet"
    export_collection(filled, NAME, address)
    report = load(filled, tmp_path, address)
    assert report.imported == 8
    assert contents(filled, "new").keys() == contents(filled, NAME).keys()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "to_arrow", stop)
    with pytest.raises(KeyboardInterrupt):
        export_collection(filled, NAME, "memory://bucket/half.parquet")
    assert not fsspec.filesystem("memory").exists("/bucket/half.parquet")


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("shop.csv", {}),
        ("folder.parquet", {}),
        ("nosuch://bucket/x.parquet", {}),
        ("s3://bucket/x", {"form": "npy"}),
        ("taken", {"form": "npy"}),
    ],
)
def test_targets_that_cannot_be(
    filled: Store, tmp_path: Path, target: str, options: dict[str, Any]
) -> None:
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "taken" / "img_emb").mkdir(parents=True)
    (tmp_path / "taken" / "img_emb" / "img_emb_1.npy").write_bytes(b"")
    where = target if "://" in target else str(tmp_path / target)
    with pytest.raises(ConfigError) as caught:
        export_collection(filled, NAME, where, **options)
    assert caught.value.hint


@pytest.mark.parametrize(("precision", "atol"), [("float32", 0), ("float16", 1e-3)])
def test_arrays_as_clip_retrieval_keeps_them(
    filled: Store, tmp_path: Path, precision: Any, atol: float
) -> None:
    folder = tmp_path / "out"
    export_collection(filled, NAME, str(folder), form="npy", precision=precision)
    array = np.load(folder / "img_emb" / "img_emb_0.npy")
    assert (array.shape, array.dtype) == ((8, DIM), np.dtype(precision))
    metadata = pq.read_table(folder / "metadata" / "metadata_0.parquet")
    assert {"image_path", "caption", "id", "colour"} <= set(metadata.column_names)
    export_collection(filled, NAME, str(folder), form="npy", precision=precision)
    assert load(filled, tmp_path, folder).imported == 8
    before = contents(filled, NAME)
    for id, one in contents(filled, "new").items():
        assert one.item == before[id].item
        np.testing.assert_allclose(one.embedding, before[id].embedding, rtol=0, atol=atol)
        assert abs(np.linalg.norm(one.embedding) - 1) < 1e-6


# Imports of vitrine's own files


def broken_export(tmp_path: Path, filled: Store, **columns: Any) -> Path:
    """An export of which some columns are replaced."""
    file = tmp_path / "export.parquet"
    export_collection(filled, NAME, str(file))
    table = pq.read_table(file)
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        column = pa.array(values, type=table.schema.field(name).type)
        table = table.set_column(place, table.schema.field(name), column)
    pq.write_table(table, file)
    return file


def test_bad_rows_are_listed_and_the_rest_is_loaded(filled: Store, tmp_path: Path) -> None:
    vectors: list[Any] = [list(map(float, unit_vector(i))) for i in range(8)]
    vectors[2], vectors[3], vectors[4] = [float("nan")] * DIM, [0.0] * DIM, None
    vectors[5] = [3.0, *[0.0] * (DIM - 1)]
    ids = ["a", "a", "c", "d", "e", "f", None, "two\nlines"]
    extra = ['{"k": 1}'] + ["{}"] * 7
    file = broken_export(tmp_path, filled, embedding=vectors, id=ids, extra=extra)
    exchange = open_exchange([str(file)])
    report = import_embeddings(
        exchange, store=filled, alias="new", job_dir=tmp_path / "jobs", max_failed_share=1
    )
    assert (report.rows, report.imported, report.unchanged, report.failed) == (8, 2, 0, 6)
    assert sorted(failures(report)) == [
        (2, "id_duplicate"),
        (3, "embedding_invalid"),
        (4, "embedding_invalid"),
        (5, "embedding_invalid"),
        (7, "id_empty"),
        (8, "invalid_item"),
    ]
    there = contents(filled, "new")
    assert there.keys() == {"a", "f"}
    assert there["a"].item.extra == {"k": 1}
    np.testing.assert_array_equal(there["f"].embedding, [1.0, *[0.0] * (DIM - 1)])
    assert json.loads((report.job / "report.json").read_text("utf-8"))["status"] == "done"
    with pytest.raises(CatalogError, match="6 of 8 rows failed"):
        load(filled, tmp_path, file)


def test_broken_json_and_texts_are_bad_rows(filled: Store, tmp_path: Path) -> None:
    file = broken_export(tmp_path, filled, extra=["{", "[1]", *["{}"] * 6])
    report = load(filled, tmp_path, file)
    assert failures(report) == [(1, "broken_row"), (2, "broken_row")]
    bad_text = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")]
    )
    table = pq.read_table(file).replace_schema_metadata(pq.read_schema(file).metadata)
    titles = pa.chunked_array([bad_text, *[pa.array([""])] * 7])
    table = table.set_column(table.schema.get_field_index("title"), "title", titles)
    extra = pa.array(["{}"] * 8)
    table = table.set_column(table.schema.get_field_index("extra"), "extra", extra)
    pq.write_table(table, file)
    report = load(filled, tmp_path, file)
    assert failures(report) == [(1, "broken_row")]


def test_files_that_are_no_exports(filled: Store, tmp_path: Path) -> None:
    good, other = tmp_path / "good.parquet", tmp_path / "other.parquet"
    export_collection(filled, NAME, str(good))
    filled.create(CollectionSpec("b__v1", ModelIdentity("mini", "other", DIM)))
    filled.upsert("b__v1", [entity("x")])
    export_collection(filled, "b__v1", str(other))
    catalogue, cut, newer = (tmp_path / f"{n}.parquet" for n in ("catalogue", "cut", "newer"))
    pq.write_table(pa.table({"id": ["1"], "image": ["a.jpg"]}), catalogue)
    cut.write_bytes(good.read_bytes()[:-200])
    lacking = tmp_path / "lacking.parquet"
    pq.write_table(pq.read_table(good).drop_columns(["colour"]), lacking)
    table = pq.read_table(good)
    pq.write_table(table.replace_schema_metadata({b"vitrine": b'{"format": 2}'}), newer)
    (tmp_path / "empty").mkdir()
    cases: list[tuple[Sequence[Path], type[VitrineError], str]] = [
        ([good, other], ModelMismatchError, "another model"),
        ([catalogue], CatalogError, "not an export"),
        ([cut], CatalogError, "cannot be read"),
        ([lacking], CatalogError, "lacks the columns colour"),
        ([newer], CatalogError, "format 2"),
        ([tmp_path / "none.parquet"], CatalogError, "cannot be read"),
        ([tmp_path / "empty"], CatalogError, "no embeddings"),
    ]
    for paths, error, words in cases:
        with pytest.raises(error, match=words):
            open_exchange([str(path) for path in paths])
    with pytest.raises(ConfigError, match="says that its model is 'mini'"):
        open_exchange([str(good)], model="vit-b-32")
    assert open_exchange([str(good)], model="mini").model == MODEL


# Jobs


def job_folder(tmp_path: Path, shards: Sequence[Sequence[Entity]]) -> Path:
    folder = tmp_path / "job"
    (folder / "shards").mkdir(parents=True)
    fields = {field.name: asdict(field) for field in FIELDS}
    manifest = {"model": asdict(MODEL), "fields": fields}
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    for number, entities in enumerate(shards):
        rows = [
            {
                "id": one.item.id,
                "image_hash": one.image_hash,
                "row_hash": one.row_hash,
                "image": one.item.image,
                "title": one.item.title,
                "product_id": one.item.product_id,
                "fields": json.dumps(dict(one.item.fields), default=date.isoformat),
                "extra": json.dumps(dict(one.item.extra)),
            }
            for one in entities
        ]
        flat = pa.array(np.concatenate([one.embedding for one in entities]))
        table = pa.Table.from_pylist(rows).append_column(
            "embedding", pa.FixedSizeListArray.from_arrays(flat, DIM)
        )
        pq.write_table(table, folder / "shards" / f"{number:05}.parquet")
    (folder / "shards" / "00009.parquet.part").write_bytes(b"half")
    return folder


def test_what_a_job_staged_is_exported_and_imported(filled: Store, tmp_path: Path) -> None:
    """Of an item that was staged twice, the later one counts."""
    old = [entity("a", unit_vector(50), title="old"), entity("b", title="old")]
    folder = job_folder(tmp_path, [old, shop()[:4], shop()[4:]])
    file = tmp_path / "staged.parquet"
    assert export_job(open_exchange([str(folder)]), str(file)).rows == 8
    for source in (file, folder):
        report = load(filled, tmp_path, source)
        assert (report.rows, report.failed) == (8, 0)
        found, wanted = contents(filled, "new"), contents(filled, NAME)
        assert {id: one.item for id, one in found.items()} == {
            id: one.item for id, one in wanted.items()
        }
        np.testing.assert_array_equal(found["a"].embedding, wanted["a"].embedding)
    assert report.unchanged == 8


def test_jobs_that_cannot_be_read(filled: Store, tmp_path: Path) -> None:
    folder = job_folder(tmp_path, [shop()])
    (folder / "manifest.json").write_text("{}", "utf-8")
    with pytest.raises(CatalogError, match="manifest"):
        open_exchange([str(folder)])
    for shard in (folder / "shards").glob("*.parquet"):
        shard.unlink()
    with pytest.raises(CatalogError, match="no shards"):
        open_exchange([str(folder)])


# clip-retrieval's files


def write_clip(
    folder: Path, number: int, vectors: NDArray[Any], columns: dict[str, Sequence[object]]
) -> None:
    for name in ("img_emb", "metadata"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    np.save(folder / "img_emb" / f"img_emb_{number}.npy", vectors)
    pq.write_table(pa.table(columns), folder / "metadata" / f"metadata_{number}.parquet")


def clip_vectors(rows: int, dim: int = 512) -> NDArray[np.float16]:
    vectors = np.random.default_rng(rows).normal(size=(rows, dim)) * 3
    return vectors.astype(np.float16)


def test_a_folder_of_clip_retrieval(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "clip"
    vectors = clip_vectors(5)
    vectors[3] = np.inf
    write_clip(
        folder,
        0,
        vectors,
        {
            "image_path": [f"cats/{i}.jpg" for i in range(4)] + [None],
            "caption": ["a cat", None, "a cat", "a cat", "a cat"],
            "width": [10, 20, None, 40, 50],
            "exif": [{"make": "x"}] * 5,
        },
    )
    write_clip(
        folder,
        1,
        clip_vectors(2),
        {
            "image_path": ["cats/0.jpg", "cats/9.jpg"],
            "caption": ["again", "nine"],
            "width": [1, 2],
            "exif": [{"make": "y"}] * 2,
        },
    )
    report = load(store, tmp_path, folder, model="ViT-B/32", images=Path("/photos"))
    assert (report.imported, report.failed) == (4, 3)
    assert failures(report) == [(4, "embedding_invalid"), (5, "id_empty"), (6, "id_duplicate")]
    info = store.describe("new")
    name = "ViT-B-32-quickgelu/openai"
    assert info.model == ModelIdentity(name, f"declared:{name}", 512)
    assert info.fields == (Field("width", FIELDS[2].type),)
    there = contents(store, "new")
    first = there["cats/0.jpg"]
    assert (first.item.image, first.item.title) == ("/photos/cats/0.jpg", "a cat")
    assert (dict(first.item.fields), first.item.extra) == ({"width": 10}, {"exif": {"make": "x"}})
    unit = vectors[0].astype(np.float64)
    np.testing.assert_allclose(first.embedding, unit / np.linalg.norm(unit), atol=1e-6)
    again = load(store, tmp_path, folder, model="ViT-B/32", images=Path("/photos"))
    assert (again.imported, again.unchanged, again.failed) == (0, 4, 3)


def test_a_pair_of_files_and_its_columns(store: Store, tmp_path: Path) -> None:
    write_clip(
        tmp_path,
        0,
        clip_vectors(2),
        {
            "image_path": ["00", "01"],
            "url": ["https://x/0.jpg", "https://x/1.jpg"],
            "k": ["p", "q"],
        },
    )
    pair = [tmp_path / "img_emb" / "img_emb_0.npy", tmp_path / "metadata" / "metadata_0.parquet"]
    model = "open_clip:ViT-B-32/laion2b_s34b_b79k"
    assert load(store, tmp_path, *pair, model=model).imported == 2
    assert store.get("new", ["00"])["00"].image == "https://x/0.jpg"
    assert store.resolve("new").model.name == "ViT-B-32/laion2b_s34b_b79k"
    named = open_exchange([str(path) for path in pair], model=model, columns=ColumnNames(id="k"))
    ids = [one.entity.item.id for batch in named.batches() for one in batch]  # type: ignore[union-attr]
    assert ids == ["p", "q"]


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (None, ConfigError, "does not say which model"),
        ("ViT-L/14", ConfigError, "768 dimensions, these have 512"),
        ("hf_clip:org/name", ConfigError, "not a model that vitrine can load"),
        ("clip", ConfigError, "not the name of a model"),
    ],
)
def test_models_that_cannot_be_meant(
    tmp_path: Path, model: str | None, error: type[VitrineError], words: str
) -> None:
    write_clip(tmp_path, 0, clip_vectors(1), {"image_path": ["a.jpg"]})
    with pytest.raises(error, match=words):
        open_exchange([str(tmp_path)], model=model)


def test_arrays_and_metadata_that_do_not_fit(tmp_path: Path) -> None:
    def refused(name: str, vectors: NDArray[Any], columns: dict[str, Sequence[object]]) -> str:
        write_clip(tmp_path / name, 0, vectors, columns)
        with pytest.raises(CatalogError) as caught:
            open_exchange([str(tmp_path / name)], model="vit-b-32")
        return str(caught.value)

    paths = {"image_path": ["a", "b"]}
    assert "1 embeddings" in refused("fewer", clip_vectors(1), paths)
    assert "no embeddings" in refused("flat", np.zeros(2, np.float32), paths)
    assert "no embeddings" in refused("whole", np.zeros((2, 512), np.int64), paths)
    assert "image column" in refused("no image", clip_vectors(2), {"caption": ["a", "b"]})
    (tmp_path / "junk" / "img_emb").mkdir(parents=True)
    (tmp_path / "junk" / "img_emb" / "img_emb_0.npy").write_bytes(b"\x93NUMPY junk")
    with pytest.raises(CatalogError, match="cannot be read"):
        open_exchange([str(tmp_path / "junk")], model="vit-b-32")
    with pytest.raises(CatalogError, match="exactly one"):
        open_exchange(["a.npy", "b.npy", "c.parquet"], model="vit-b-32")


def test_which_embeddings_go_together() -> None:
    real = ModelIdentity("m/t", "abc", 4)
    said = ModelIdentity("m/t", "declared:m/t", 4)
    assert real.takes(real)
    assert said.takes(said)
    assert said.takes(real)
    assert not real.takes(said)
    assert not said.takes(ModelIdentity("m/other", "abc", 4))
    assert not said.takes(ModelIdentity("m/t", "abc", 5))
    assert real.takes(ModelIdentity("another name", "abc", 4))
