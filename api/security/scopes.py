"""What a key is for: each scope includes those before it."""

from enum import StrEnum


class Scope(StrEnum):
    """`search` reads, `write` also changes items, `admin` also runs jobs and switches versions."""

    SEARCH = "search"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Whether whoever has this scope may do what takes the other."""
        order = list(Scope)
        return order.index(self) >= order.index(other)
