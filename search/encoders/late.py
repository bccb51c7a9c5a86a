"""An encoder whose model is loaded when it is first needed. Importing this imports no torch."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from search.encoders.base import Encoder, ModelIdentity
from search.errors import ModelMismatchError


class LateEncoder:
    """An encoder of a known identity, loaded when it is asked for more than that.

    To the type checker it is no `Encoder`, since what is asked of the loaded one is handed on by
    its name: whoever makes one says so (`cast`).

    `identity` is what a collection says that it was made with. It is held to when the model is
    loaded: before that nothing has been embedded, so nothing can have been embedded wrongly.
    `load` gives the encoders of the model, one for each device that may be used; the first stands
    for all in everything but `encoders`. Safe to call from several threads: one of them loads.

    Everything beyond identity and dim raises what `load` raises, and ModelMismatchError if that is
    another model by now.
    """

    def __init__(self, identity: ModelIdentity, load: Callable[[], Sequence[Encoder]]) -> None:
        self._identity, self._load = identity, load
        self._lock = threading.Lock()
        self._encoders: Sequence[Encoder] = ()
        self._failed: Exception | None = None

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dim of the model; loads nothing."""
        return self._identity

    @property
    def dim(self) -> int:
        """Length of every embedding; loads nothing."""
        return self._identity.dim

    @property
    def is_loaded(self) -> bool:
        """Whether the model has been needed."""
        return bool(self._encoders)

    @property
    def encoders(self) -> Sequence[Encoder]:
        """The encoders, loaded now if they are not yet."""
        with self._lock:
            if self._failed is not None:  # Several threads wait: it is not tried for each of them.
                raise self._failed
            if not self._encoders:
                try:
                    self._encoders = self._checked(self._load())
                except Exception as error:
                    self._failed = error
                    raise
            return self._encoders

    def _checked(self, encoders: Sequence[Encoder]) -> Sequence[Encoder]:
        stored, given = self._identity, encoders[0].identity
        if not stored.takes(given):
            raise ModelMismatchError(
                f"The files of model {stored.name!r} have changed: now they are "
                f"{given.fingerprint[:12]}, and {stored.fingerprint[:12]} made what is stored.",
                hint="Index into another collection, or make a new version of this one with "
                "vitrine reindex.",
                details={"stored": stored.name, "given": given.name},
            )
        return encoders

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # What copies and pickles look for is no encoder's.
            raise AttributeError(name)
        return getattr(self.encoders[0], name)
