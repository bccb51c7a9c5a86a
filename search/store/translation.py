"""The one place where errors of pymilvus and gRPC become ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from search.errors import (
    CollectionNotFoundError,
    ConflictError,
    StoreError,
    StoreUnavailableError,
    VitrineError,
)

_NOT_FOUND = 100
_UNREACHABLE = (
    "fail connecting",
    "retry timeout",
    "deadline exceeded",
    "deadline_exceeded",
    "unavailable",
    "closed",
)
_REFUSED = ("unauthenticated", "permission_denied", "permission denied", "auth check fail")
_TAKEN = ("already exists", "duplicate collection")


@contextmanager
def translated(address: str) -> Iterator[None]:
    """Run pymilvus inside: whatever it raises leaves as an error of `search.errors`.

    `address` is the database as people know it, and appears in the message.
    """
    import grpc
    from pymilvus import MilvusException

    try:
        yield
    except VitrineError:
        raise
    except (MilvusException, grpc.RpcError, ValueError, TypeError) as error:
        # pymilvus raises ValueError and TypeError too: a closed channel, a value it cannot pack.
        raise translate(error, address) from error


def translate(error: Exception, address: str) -> VitrineError:
    """Our error for one of pymilvus or gRPC, by its code first and its words second."""
    code = getattr(error, "code", None)
    code = code() if callable(code) else code
    said = str(getattr(error, "message", "") or error).strip().splitlines() or [""]
    words = f"{code} {said[0]}".lower()
    details = {"milvus_code": str(code), "milvus_message": said[0][:300]}
    if code == _NOT_FOUND:
        return CollectionNotFoundError(
            f"There is no such collection or alias in {address}.",
            hint="See which there are: vitrine collections.",
            details=details,
        )
    if any(mark in words for mark in _REFUSED):
        return StoreUnavailableError(
            f"Milvus at {address} refuses the token.",
            hint="Set VITRINE_DB_TOKEN to user:password or an API key.",
            details=details,
        )
    if any(mark in words for mark in _UNREACHABLE):
        return StoreUnavailableError(
            f"Milvus at {address} cannot be reached, or did not answer in time.",
            hint="Check the address and that it runs: vitrine doctor.",
            details=details,
        )
    if any(mark in words for mark in _TAKEN):
        return ConflictError(f"The name is taken in {address}.", details=details)
    return StoreError(f"Milvus at {address} answered: {said[0][:200]} ({code})", details=details)
