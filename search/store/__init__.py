"""Where items and their embeddings are kept: Milvus, embedded in this process or a server."""

from typing import TYPE_CHECKING

from search.store.base import (
    Candidate,
    Capabilities,
    CollectionInfo,
    CollectionSpec,
    Entity,
    Hashes,
    ImportState,
    SearchRequest,
    Store,
)

if TYPE_CHECKING:
    from search.config import Settings

__all__ = [
    "Candidate",
    "Capabilities",
    "CollectionInfo",
    "CollectionSpec",
    "Entity",
    "Hashes",
    "ImportState",
    "SearchRequest",
    "Store",
    "open_store",
    "open_store_of",
]


def open_store(
    uri: str, *, token: str | None = None, timeout_s: float = 30.0, create: bool = True
) -> Store:
    """Open a database: a path (embedded) or the URL of a Milvus server.

    Stores of the same path within one process share the embedded database. `timeout_s` bounds
    each answer, not a whole operation. A missing embedded database is made if `create` says so:
    who only reads does not want one. Close the store when done.

    Raises:
        StoreUnavailableError: the server cannot be reached, or refuses the token; or there is no
            embedded database and `create` is false.
        DatabaseLockedError: another process has the embedded database open.
        ConfigError: the path cannot be a database: a file, or a folder with other things in it.
    """
    from search.store.connection import Connection
    from search.store.milvus import MilvusStore

    connection = Connection(uri, token=token, timeout_s=timeout_s, create=create)
    try:
        return MilvusStore(connection)
    except BaseException:
        connection.close()
        raise


def open_store_of(settings: "Settings", *, create: bool) -> Store:
    """Open the database that the settings name; raises as `open_store`."""
    token = settings.db_token.get_secret_value() if settings.db_token else None
    return open_store(settings.db, token=token, timeout_s=settings.db_timeout_s, create=create)
