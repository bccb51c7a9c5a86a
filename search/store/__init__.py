"""Where items and their embeddings are kept: Milvus, embedded in this process or a server."""

from search.store.base import (
    Capabilities,
    CollectionInfo,
    CollectionSpec,
    Entity,
    Hashes,
    SearchRequest,
    Store,
)

__all__ = [
    "Capabilities",
    "CollectionInfo",
    "CollectionSpec",
    "Entity",
    "Hashes",
    "SearchRequest",
    "Store",
    "open_store",
]


def open_store(uri: str, *, token: str | None = None, timeout_s: float = 30.0) -> Store:
    """Open a database: a path (embedded, made if missing) or the URL of a Milvus server.

    Stores of the same path within one process share the embedded database. `timeout_s` bounds
    each answer, not a whole operation. Close the store when done.

    Raises:
        StoreUnavailableError: the server cannot be reached, or refuses the token.
        DatabaseLockedError: another process has the embedded database open.
        ConfigError: the path cannot be a database.
    """
    from search.store.connection import Connection
    from search.store.milvus import MilvusStore

    connection = Connection(uri, token=token, timeout_s=timeout_s)
    try:
        return MilvusStore(connection)
    except BaseException:
        connection.close()
        raise
