"""What a file or folder with embeddings is, and how it is read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.columns import ColumnNames
from indexer.exchange.clip_retrieval import ForeignPairs
from indexer.exchange.files import is_remote, reading
from indexer.exchange.incoming import BATCH_ROWS, Exchange, Incoming
from indexer.exchange.layout import Header, check_columns, from_arrow, read_header
from indexer.exchange.pairs import Pair, PairsExchange
from indexer.exchange.shards import MANIFEST, JobExchange
from indexer.report import Failure
from search.encoders.base import ModelIdentity
from search.encoders.registry import resolve_model
from search.errors import CatalogError, ConfigError, ModelMismatchError
from search.types import Field

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = (".parquet", ".pq")


def open_exchange(
    addresses: Sequence[str],
    *,
    model: str | None = None,
    columns: ColumnNames | None = None,
    images: Path | None = None,
) -> Exchange:
    """Recognise files with embeddings, by what is in them.

    `addresses` is one or several exports of vitrine (Parquet; paths or URLs), one folder (of
    clip-retrieval, of exports, or of a job), or an .npy file and the Parquet file that belongs to
    it. `model` names the model of embeddings that come without its identity, `columns` their
    columns; relative image paths of theirs start from `images` (default: the working directory).

    Raises:
        CatalogError: it is none of these, is broken, or lacks a column.
        ConfigError: a model is needed and not named, or named and contradicted by the files.
        ModelMismatchError: the files are of several models or have other fields.
    """
    found = _recognise(list(addresses), model, columns or ColumnNames(), images or Path.cwd())
    if model is None or isinstance(found, ForeignPairs):
        return found
    if resolve_model(model).name != found.model.name:
        raise ConfigError(
            f"{found.shown} says that its model is {found.model.name!r}, not {model!r}.",
            hint="Leave --model out: the file knows.",
        )
    return found


def _recognise(
    addresses: list[str], model: str | None, columns: ColumnNames, images: Path
) -> Exchange:
    if len(addresses) == 1 and not is_remote(addresses[0]) and Path(addresses[0]).is_dir():
        folder = Path(addresses[0])
        if (folder / MANIFEST).is_file():
            return JobExchange.open(folder)
        if (folder / "img_emb").is_dir():
            return _pairs(str(folder), _pairs_of(folder), model, columns, images)
        addresses = sorted(str(path) for path in folder.iterdir() if path.suffix in PARQUET)
        if not addresses:
            raise CatalogError(
                f"{folder} has no embeddings in it: no .parquet file, no img_emb, no shards.",
                hint="Name an export of vitrine, a folder of clip-retrieval, or a job's folder.",
            )
    arrays = [address for address in addresses if address.endswith(".npy")]
    if arrays:
        others = [address for address in addresses if address not in arrays]
        if len(arrays) != 1 or len(others) != 1:
            raise CatalogError(
                "An .npy file goes with exactly one Parquet file.",
                hint="vitrine import img_emb_0.npy metadata_0.parquet",
            )
        shown = f"{arrays[0]} and {others[0]}"
        return _pairs(shown, [(Path(arrays[0]), Path(others[0]))], model, columns, images)
    return ParquetExchange.open(addresses)


def _pairs_of(folder: Path) -> list[tuple[Path, Path]]:
    """The arrays of a folder of clip-retrieval and what belongs to each, by their numbers."""
    found = []
    for npy in sorted((folder / "img_emb").glob("*.npy")):
        number = npy.stem.rpartition("_")[2]
        found.append((npy, folder / "metadata" / f"metadata_{number}.parquet"))
    if not found:
        raise CatalogError(f"{folder / 'img_emb'} has no .npy file in it.")
    return found


def _pairs(
    shown: str,
    paths: Sequence[tuple[Path, Path]],
    model: str | None,
    columns: ColumnNames,
    images: Path,
) -> Exchange:
    pairs = tuple(Pair.open(npy, metadata) for npy, metadata in paths)
    if len({(pair.dim, pair.header, pair.columns) for pair in pairs}) > 1:
        raise ModelMismatchError(
            f"The files of {shown} are not alike: another dim, model or other columns.",
            hint="Import them one pair at a time.",
        )
    header = pairs[0].header
    if header is not None:
        if header.model.dim != pairs[0].dim:
            raise CatalogError(
                f"{shown} has {pairs[0].dim} dimensions; its metadata say {header.model.dim}."
            )
        return PairsExchange(shown, pairs, header)
    if model is None:
        raise ConfigError(
            f"{shown} does not say which model its embeddings are of.",
            hint="Name it: --model ViT-B-32/laion2b_s34b_b79k, or as clip-retrieval calls it.",
        )
    return ForeignPairs.open(shown, pairs, model, columns, images)


@dataclass(frozen=True, slots=True)
class ParquetExchange:
    """One or several exports of one model, with the same fields."""

    addresses: tuple[str, ...]
    header: Header
    rows: int

    @classmethod
    def open(cls, addresses: Sequence[str]) -> "ParquetExchange":
        """Read the headers; see `open_exchange` for what is raised."""
        headers, rows = [], 0
        for address in addresses:
            with reading(address) as stream, _parquet(address, stream) as file:
                header = read_header(file.schema_arrow, address)
                if header is None:
                    raise CatalogError(
                        f"{address} is not an export of vitrine: it names no model.",
                        hint="A catalogue of images is indexed: vitrine index. Embeddings of"
                        " others come as an .npy file and a Parquet file.",
                    )
                check_columns(file.schema_arrow, header, address)
                rows += int(file.metadata.num_rows)
                headers.append(header)
        for address, header in zip(addresses, headers, strict=True):
            if header != headers[0]:
                raise ModelMismatchError(
                    f"{address} is of another model or has other fields than {addresses[0]}.",
                    hint="Import them one at a time, each into a collection of its model.",
                )
        return cls(tuple(addresses), headers[0], rows)

    @property
    def shown(self) -> str:
        """The addresses."""
        return ", ".join(self.addresses)

    @property
    def model(self) -> ModelIdentity:
        """The model that the files name."""
        return self.header.model

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that the files name."""
        return self.header.fields

    def batches(self) -> Iterator[list[Incoming | Failure]]:
        """The rows, numbered by their position in all files together."""
        import pyarrow as pa

        before = 0
        for address in self.addresses:
            with reading(address) as stream, _parquet(address, stream) as file:
                try:
                    for batch in file.iter_batches(batch_size=BATCH_ROWS):
                        yield from_arrow(batch, self.header, before)
                        before += len(batch)
                except (pa.ArrowException, OSError) as error:
                    raise _broken(address, error) from error


def _parquet(address: str, stream: object) -> "pa.parquet.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(stream)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _broken(address, error) from error


def _broken(address: str, error: Exception) -> CatalogError:
    reason = str(error).splitlines()[0]
    return CatalogError(
        f"{address} cannot be read: {reason}.",
        hint="Check that the file is complete and a Parquet file.",
    )
