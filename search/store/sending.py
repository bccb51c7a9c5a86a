"""Sending rows to Milvus: in parts below a message's limit, to a server several at once.

An embedded database takes one part at a time.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from search.errors import StoreError
from search.store import rows
from search.store.connection import Connection

AT_ONCE = 4
"""Parts on their way to a server at the same time."""

PART_BYTES = 4_000_000
"""Size of these parts: so that a write of 16 MB becomes four."""


def send(db: Connection, collection: str, all_rows: Sequence[rows.Row]) -> None:
    """Upsert rows; when it returns, the database has acknowledged every one of them.

    Raises what `Connection.call` raises for the first part that failed; some of the other parts
    are written then, and sending all of them again is harmless.
    """
    if db.embedded:
        for part in rows.batches(all_rows):
            _send_part(db, collection, part)
        return
    parts = list(rows.batches(all_rows, PART_BYTES))
    if len(parts) == 1:
        _send_part(db, collection, parts[0])
        return
    pool = ThreadPoolExecutor(AT_ONCE, "vitrine-upsert")
    try:
        for sent in [pool.submit(_send_part, db, collection, part) for part in parts]:
            sent.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _send_part(db: Connection, collection: str, part: list[rows.Row]) -> None:
    with db.writing():
        told = db.call(db.client.upsert, collection, part)
    if told["upsert_count"] != len(part):
        raise StoreError(
            f"Milvus at {db.address} took {told['upsert_count']} of {len(part)} rows.",
            hint="Run the same command again.",
        )
