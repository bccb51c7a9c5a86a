"""Which version of a collection answers, and with which encoder, while its alias moves.

An alias may move to a collection that was made with another model. Whoever asks then must get an
answer at once, and text and collection must be of one version. So the version that answered last
goes on answering until the new model is loaded, beside it, and the next query moves over. Both
encoders are held for a while: rolling back is then as quick.
"""

import copy
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from search.encoders.base import Encoder, ModelIdentity
from search.errors import (
    CollectionNotFoundError,
    ModelMismatchError,
    ModelUnavailableError,
    VitrineError,
)
from search.store.base import CollectionInfo, CollectionSpec, Store

Loader = Callable[[str], Encoder]
"""Loads a model by its name; raises as `load_encoder`."""

MOST_HELD = 2
"""Encoders in memory at once: the live version's and the one before."""

GRACE_S = 600.0
"""How long an encoder that no query uses stays: a roll back within it loads nothing."""

RETRY_AFTER_S = 30.0
"""How long a model that could not be loaded is left alone."""

WAIT_S = 30.0
"""How long a query waits for a model when no other version can answer it."""

_WARM_UP = "a picture"

_log = logging.getLogger("vitrine.engine")


@dataclass(frozen=True, slots=True)
class Serving:
    """A collection, and an encoder of the model that it was made with."""

    collection: CollectionSpec
    encoder: Encoder


@dataclass(frozen=True, slots=True)
class Behind:
    """The alias leads to `collection`, and an earlier version still answers.

    `reason`: why its model could not be loaded; None while it is being loaded.
    """

    collection: CollectionSpec
    reason: VitrineError | None


@dataclass(slots=True)
class _Entry:
    """An encoder, there or on its way, and when it was last asked for or ended in failure."""

    future: Future[Encoder]
    used: float
    failed: float = 0.0
    reason: VitrineError | None = None

    @property
    def encoder(self) -> Encoder | None:
        is_there = self.future.done() and self.future.exception() is None
        return self.future.result() if is_there else None


class Encoders:
    """Encoders by their model's fingerprint, loaded beside the queries. Safe for several threads.

    Without `load` there is only the first one.
    """

    def __init__(
        self,
        first: Encoder,
        load: Loader | None = None,
        *,
        grace_s: float = GRACE_S,
        retry_after_s: float = RETRY_AFTER_S,
    ) -> None:
        self._only = first if load is None else None
        self._load = load
        self._grace_s = grace_s
        self._retry_after_s = retry_after_s
        self._lock = threading.Lock()
        future: Future[Encoder] = Future()
        future.set_result(first)
        self._entries = {first.identity.fingerprint: _Entry(future, time.monotonic())}

    def of(self, collection: CollectionSpec) -> Future[Encoder]:
        """The encoder of the collection's model: a future that is done if it is held already.

        Otherwise loading begins, unless it has, or has failed a short while ago.

        Raises:
            ModelMismatchError: there is only one encoder, and it is of another model.
        """
        with self._lock:
            wanted = self._key(collection.model)
            entry, now = self._entries.get(wanted), time.monotonic()
            if entry is None or (entry.failed and now - entry.failed >= self._retry_after_s):
                if self._only is not None:
                    check_model(collection, self._only)
                entry = self._begin(collection.model, entry.reason if entry else None)
            entry.used = now
            self._let_go(wanted, now)
            return entry.future

    def reason(self, model: ModelIdentity) -> VitrineError | None:
        """Why the model could not be loaded when that was last tried; None if it could."""
        with self._lock:
            entry = self._entries.get(model.fingerprint)
            return entry.reason if entry else None

    def held(self) -> list[str]:
        """Names of the models in memory."""
        with self._lock:
            encoders = [entry.encoder for entry in self._entries.values()]
        return sorted(encoder.identity.name for encoder in encoders if encoder)

    def _key(self, model: ModelIdentity) -> str:
        """What the model's encoder is held under: its fingerprint, or one that stands for it."""
        for key, entry in self._entries.items():
            if entry.encoder is not None and model.takes(entry.encoder.identity):
                return key
        return model.fingerprint

    def _begin(self, model: ModelIdentity, reason: VitrineError | None) -> _Entry:
        entry = _Entry(Future(), time.monotonic(), reason=reason)
        # Not a daemon, as the service's own threads are and what they start would be: one that ends
        # inside torch at exit takes the process down with it.
        run = threading.Thread(
            target=self._run, args=(model, entry), name="load-model", daemon=False
        )
        run.start()
        # Not before: where no thread can be started, nobody is to wait for one.
        self._entries[model.fingerprint] = entry
        return entry

    def _run(self, model: ModelIdentity, entry: _Entry) -> None:
        try:
            encoder = self._loaded(model)
        except Exception as error:
            reason = error if isinstance(error, VitrineError) else _not_loaded(model)
            _log.warning(
                "the new version's model cannot be loaded",
                extra={"model": model.name, "code": reason.code, "reason": str(reason)},
                exc_info=None if reason is error else error,
            )
            with self._lock:
                entry.reason, entry.failed = reason, time.monotonic()
            entry.future.set_exception(reason)
            return
        _log.info("loaded a model", extra={"model": model.name})
        with self._lock:
            entry.reason = None
        entry.future.set_result(encoder)

    def _loaded(self, model: ModelIdentity) -> Encoder:
        """The model, which is the one that was meant, after its first text: that one is slow."""
        assert self._load is not None
        encoder = self._load(model.name)
        found = encoder.identity.fingerprint
        if not model.takes(encoder.identity):
            raise ModelMismatchError(
                f"The files of model {model.name!r} are others ({found[:12]}) than those that the "
                f"collection was made with ({model.fingerprint[:12]}).",
                hint="Put the old files back, or build the collection anew: vitrine reindex.",
                details={"model": model.name},
            )
        encoder.encode_texts([_WARM_UP])
        return encoder

    def _let_go(self, wanted: str, now: float) -> None:
        """Once what is wanted is there, drop what nobody uses, and the oldest of too many."""
        others = {key: entry for key, entry in self._entries.items() if key != wanted}
        for key in [key for key, entry in others.items() if entry.failed]:
            del self._entries[key], others[key]
        if self._entries[wanted].encoder is None:
            return
        held = sorted((entry.used, key) for key, entry in others.items() if entry.encoder)
        for place, (used, key) in enumerate(held):
            if len(held) - place >= MOST_HELD or now - used > self._grace_s:
                del self._entries[key]


class LiveVersion:
    """What stands behind a name or alias, as far as it can be searched now."""

    def __init__(self, store: Store, name: str, encoders: Encoders) -> None:
        """Raises CollectionNotFoundError; ModelMismatchError if the only encoder is of another."""
        self._store = store
        self._name = name
        self._encoders = encoders
        self._last: Serving | None = None
        self._last = self.serving()

    def serving(self, wait_s: float = WAIT_S) -> Serving:
        """Where a query is answered from, and with what: one version, resolved once.

        Raises:
            CollectionNotFoundError: no such collection or alias.
            ModelMismatchError: another model than the only one, or its files have changed.
            ModelUnavailableError: the model cannot be loaded, or not within `wait_s`, and the
                version before is gone.
        """
        found = self._store.resolve(self._name)
        coming = self._encoders.of(found)
        if coming.done() and coming.exception() is None:
            return self._answers(Serving(found, coming.result()))
        before = self._before()
        return before or self._answers(Serving(found, _waited(coming, found.model, wait_s)))

    def shown(self) -> CollectionSpec:
        """The collection whose items are shown: the one that answers, or else the alias's own.

        Needs no encoder, so it neither waits for one nor minds another model.
        """
        found = self._store.resolve(self._name)
        try:
            coming = self._encoders.of(found)
        except ModelMismatchError:
            return found
        if coming.done() and coming.exception() is None:
            return found
        before = self._before()
        return before.collection if before else found

    def behind(self) -> Behind | None:
        """Whether an earlier version answers instead of the one that the alias leads to."""
        found = self._store.resolve(self._name)
        coming = self._encoders.of(found)
        if coming.done() and coming.exception() is None:
            return None
        return Behind(found, self._encoders.reason(found.model))

    def _answers(self, serving: Serving) -> Serving:
        last, self._last = self._last, serving
        if last is not None and last.collection.name != serving.collection.name:
            _log.info(
                "answers from another version",
                extra={"before": last.collection.name, "now": serving.collection.name},
            )
        return serving

    def _before(self) -> Serving | None:
        """What answered last, if it is still there."""
        last = self._last
        if last is None:
            return None
        try:
            found = self._store.resolve(last.collection.name)
        except CollectionNotFoundError:
            return None
        same = found.model.fingerprint == last.collection.model.fingerprint
        return Serving(found, last.encoder) if same else None


def check_model(found: CollectionInfo | CollectionSpec, encoder: Encoder) -> None:
    """Raise ModelMismatchError unless the collection was made with the encoder's model."""
    stored, given = found.model, encoder.identity
    if stored.takes(given):
        return
    cure = (
        f"Use --model {stored.name}, or index into another collection."
        if stored.name != given.name
        else "The files of that model have changed since: index into another collection."
    )
    raise ModelMismatchError(
        f"Collection {found.name!r} was made with model {stored.name!r} "
        f"({stored.fingerprint[:12]}), not with {given.name!r} ({given.fingerprint[:12]}).",
        hint=cure,
        details={"collection": found.name, "stored": stored.name, "given": given.name},
    )


def _waited(coming: Future[Encoder], model: ModelIdentity, wait_s: float) -> Encoder:
    try:
        error = coming.exception(timeout=wait_s)
    except TimeoutError:
        raise ModelUnavailableError(
            f"Model {model.name!r} is still being loaded.",
            hint="Try again in a moment.",
            details={"model": model.name},
        ) from None
    if error is not None:
        # A copy: one exception raised again and again would gather every query's traceback.
        raise copy.copy(error)
    return coming.result()


def _not_loaded(model: ModelIdentity) -> ModelUnavailableError:
    return ModelUnavailableError(
        f"Model {model.name!r} cannot be loaded.", details={"model": model.name}
    )
