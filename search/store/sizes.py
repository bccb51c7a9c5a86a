"""How much room a collection takes, as far as that can be told without asking Milvus."""

from contextlib import suppress
from pathlib import Path

from search.store.base import CollectionInfo

BYTES_PER_VALUE = 4
"""Embeddings are float32."""


def vector_bytes(info: CollectionInfo) -> int:
    """Bytes of the embeddings alone: what a server at least holds in memory for a collection."""
    return info.count * info.model.dim * BYTES_PER_VALUE


def disk_bytes(uri: str, collection: str) -> int | None:
    """Bytes of a collection's folder in an embedded database; None where there is no such."""
    folder = Path(uri).expanduser() / "collections" / collection
    if "://" in uri or not folder.is_dir():
        return None
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):  # Merged away or replaced since it was listed.
            total += path.stat().st_size if path.is_file() else 0
    return total
