"""Every error that vitrine raises on purpose, and nothing else.

    VitrineError
    ├── InvalidInputError            the caller can mend it
    │   ├── EmptyQueryError
    │   ├── InvalidQueryError
    │   ├── FilterError
    │   │   ├── FilterSyntaxError
    │   │   ├── UnknownFieldError
    │   │   └── FilterTypeError
    │   ├── ImageError
    │   │   ├── ImageUnreadableError
    │   │   └── ImageTooLargeError
    │   ├── ItemInvalidError
    │   ├── CatalogError
    │   ├── EvaluationError
    │   └── ConfigError
    ├── NotFoundError
    │   ├── ItemNotFoundError
    │   └── CollectionNotFoundError
    ├── ConflictError                what is stored says otherwise
    │   ├── ModelMismatchError
    │   ├── SchemaMismatchError
    │   └── WriteConflictError
    ├── UnsupportedError             this Milvus cannot do it
    ├── UnavailableError             may work later, or after a cure
    │   ├── StoreUnavailableError
    │   ├── DatabaseLockedError
    │   ├── ImageUnavailableError
    │   ├── ModelUnavailableError
    │   ├── OverloadedError
    │   └── TooLateError
    └── StoreError                   Milvus answered with an error we did not expect

The message says what happened and to which item; `hint` says what to do about it. `code` is
stable and meant for programs; `details` holds the parts of the message as data.
"""

from collections.abc import Mapping
from typing import ClassVar


class VitrineError(Exception):
    """The root: catch it to catch everything that vitrine raises on purpose."""

    code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details: dict[str, object] = dict(details or {})

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidInputError(VitrineError):
    """What was given cannot be used as it is."""

    code = "invalid_input"


class EmptyQueryError(InvalidInputError):
    """A query without text, image or item."""

    code = "empty_query"


class InvalidQueryError(InvalidInputError):
    """A query whose parts or limits cannot be used together."""

    code = "invalid_query"


class FilterError(InvalidInputError):
    """A filter that cannot be applied."""

    code = "invalid_filter"


class FilterSyntaxError(FilterError):
    """A filter that cannot be read."""

    code = "filter_syntax"


class UnknownFieldError(FilterError):
    """A filter names a field that the collection does not have."""

    code = "unknown_field"


class FilterTypeError(FilterError):
    """A filter compares a field with a value of another type."""

    code = "filter_type"


class ImageError(InvalidInputError):
    """An image that cannot be used."""

    code = "invalid_image"


class ImageUnreadableError(ImageError):
    """Missing, truncated, of no known format, or broken."""

    code = "image_unreadable"


class ImageTooLargeError(ImageError):
    """More bytes or pixels than the settings allow."""

    code = "image_too_large"


class ItemInvalidError(InvalidInputError):
    """A catalogue row that cannot become an item."""

    code = "invalid_item"


class CatalogError(InvalidInputError):
    """A catalogue that cannot be read at all."""

    code = "invalid_catalog"


class EvaluationError(InvalidInputError):
    """Queries or qrels that cannot be read or do not belong together."""

    code = "invalid_evaluation"


class ConfigError(InvalidInputError):
    """A setting that is unknown or has a value that cannot be used."""

    code = "invalid_config"


class NotFoundError(VitrineError):
    """What was asked for does not exist."""

    code = "not_found"


class ItemNotFoundError(NotFoundError):
    """No item of that id in the collection."""

    code = "item_not_found"


class CollectionNotFoundError(NotFoundError):
    """No collection or alias of that name in the database."""

    code = "collection_not_found"


class ConflictError(VitrineError):
    """What is stored contradicts what was asked for."""

    code = "conflict"


class ModelMismatchError(ConflictError):
    """The collection was made with another model."""

    code = "model_mismatch"


class SchemaMismatchError(ConflictError):
    """The collection has other fields or types than the catalogue needs."""

    code = "schema_mismatch"


class WriteConflictError(ConflictError):
    """Somebody else writes into the collection, or replaces it."""

    code = "write_conflict"


class UnsupportedError(VitrineError):
    """This Milvus cannot do it; the hint names the version that can."""

    code = "unsupported"


class UnavailableError(VitrineError):
    """Something that vitrine needs is not there now."""

    code = "unavailable"


class StoreUnavailableError(UnavailableError):
    """Milvus cannot be reached, or did not answer in time."""

    code = "store_unavailable"


class DatabaseLockedError(UnavailableError):
    """Another process has the embedded database open."""

    code = "database_locked"


class ImageUnavailableError(UnavailableError):
    """An image cannot be fetched now: its host is down, too slow or too busy."""

    code = "image_unavailable"


class ModelUnavailableError(UnavailableError):
    """The model cannot be loaded: not found, or its hub cannot be reached."""

    code = "model_unavailable"


class OverloadedError(UnavailableError):
    """More is asked for at once than can be answered soon."""

    code = "overloaded"


class TooLateError(UnavailableError):
    """The answer took longer than any may."""

    code = "timeout"


class StoreError(VitrineError):
    """Milvus answered with an error that vitrine does not know how to name."""

    code = "store_error"
