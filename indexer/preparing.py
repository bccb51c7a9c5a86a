"""What a worker does for one row: read its image, see what changed, make it ready for the model."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from indexer.fetching import Fetched, Fetcher
from indexer.memory import Known
from indexer.regions import region_hash
from indexer.report import Failure
from indexer.rows import Row
from indexer.staged_images import StagedImages, hash_of
from indexer.staging import StagedEmbeddings
from indexer.tally import Stage, Tally
from search.encoders.base import Pixels, Preprocessor
from search.errors import ImageError, ImageUnavailableError
from search.images import ImageLimits, cropped, decode_image, enlarged
from search.store.base import Hashes


@dataclass(frozen=True, slots=True)
class Task:
    """A row, with what the store has of its id and what was remembered of its image's address.

    `stored_parts`: what the store has of the row's parts, in their order.
    """

    row: Row
    stored: Hashes | None = None
    known: Known | None = None
    stored_parts: tuple[Hashes | None, ...] = ()

    @property
    def remote(self) -> bool:
        """Whether the image has to be fetched from elsewhere."""
        return self.row.data is None and "://" in self.row.item.image

    def validator(self, staged: StagedEmbeddings, images: StagedImages | None = None) -> str | None:
        """By which to ask whether the image changed; None when its bytes are wanted anyway."""
        if self.known is None or not self.known.validator:
            return None
        image_hash = self.known.image_hash
        kept = images is not None and image_hash in images
        here = kept or all(look.is_here for look in self.looks(image_hash, staged))
        return self.known.validator if here else None

    def looks(self, image_hash: str, staged: StagedEmbeddings) -> "list[Look]":
        """What is there of the row and of its parts, for an image of that hash."""
        stored = (self.stored, *self.stored_parts)
        # Nothing was looked up of the parts where there is nothing at all.
        stored += (None,) * (len(self.row.entities) - len(stored))
        hashes = [region_hash(image_hash, row.box) for row in self.row.entities]
        return [
            Look(row, before, one, staged.get(one))
            for row, before, one in zip(self.row.entities, stored, hashes, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Look:
    """A row or a part of one: what the store has of it, what stands for its pixels now, and the
    embedding of those, if it was made before."""

    row: Row
    stored: Hashes | None
    image_hash: str
    embedding: NDArray[np.float32] | None

    @property
    def is_stored(self) -> bool:
        """Whether the store has it with these pixels."""
        return self.stored is not None and self.stored.image_hash == self.image_hash

    @property
    def is_here(self) -> bool:
        """Whether it can be brought up to date without the image's bytes."""
        return self.is_stored or self.embedding is not None


@dataclass(frozen=True, slots=True)
class Ready:
    """A row whose image is to be embedded. `pixels` is a batch of one, as `preprocess` makes it."""

    row: Row
    image_hash: str
    known: Known | None
    pixels: Pixels
    stored: bool


@dataclass(frozen=True, slots=True)
class Reused:
    """A row whose image was embedded before: `embedding` is `(dim,) float32`."""

    row: Row
    image_hash: str
    known: Known | None
    embedding: NDArray[np.float32]
    stored: bool


@dataclass(frozen=True, slots=True)
class ColumnsChanged:
    """A row whose image is the stored one, and whose other columns are not."""

    row: Row
    image_hash: str
    known: Known | None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A row that is in the store as it is in the catalogue."""

    row: Row
    known: Known | None


@dataclass(frozen=True, slots=True)
class ImageChanged:
    """A row whose image the store does not have under its id: its bytes, or its embedding."""

    row: Row
    image_hash: str
    known: Known | None
    data: bytes | None
    stored: bool
    embedding: NDArray[np.float32] | None = None

    @property
    def is_to_decode(self) -> bool:
        """Whether its embedding has to be made."""
        return self.embedding is None


Comparison = ImageChanged | ColumnsChanged | Unchanged | Failure
Outcome = Ready | Reused | ColumnsChanged | Unchanged | Failure


@dataclass(frozen=True, slots=True)
class Comparer:
    """Says what of a row is new. Safe to use from several threads."""

    fetcher: Fetcher
    staged: StagedEmbeddings
    tally: Tally
    images: StagedImages | None = None

    def fetch(self, task: Task) -> Future[Fetched]:
        """Begin to fetch an image that is elsewhere, unless there is a copy that is trusted."""
        images, known = self.images, task.known
        if images is not None and images.trusted and known and known.image_hash in images:
            here: Future[Fetched] = Future()
            here.set_result(Fetched(None, known.validator))
            return here
        return self.fetcher.submit(task.row.item.image, task.validator(self.staged, images))

    def compare(
        self, task: Task, fetching: Future[Fetched] | None = None
    ) -> tuple[Comparison, ...]:
        """Compare a row and its parts, in this order, with what is stored of their ids.

        One failure stands for all of them. `fetching` is what `fetch` gave, for an image
        elsewhere.
        """
        try:
            with self.tally.timed(Stage.FETCH):
                image = self._fetched(task, fetching)
                image_hash, known = self._hashed(task, image)
                looks = task.looks(image_hash, self.staged)
                if image.data is None and not all(look.is_here for look in looks):
                    image = self._bytes_of(task, image_hash)
                    image_hash, known = self._hashed(task, image)
                    looks = task.looks(image_hash, self.staged)
                if image.data is not None and task.remote and self.images is not None:
                    self.images.put(image_hash, image.data)
        except (ImageError, ImageUnavailableError) as error:
            return (task.row.failure(error),)
        self.tally.passed(Stage.FETCH)
        return tuple(_compared(look, known, image.data) for look in looks)

    def _fetched(self, task: Task, fetching: Future[Fetched] | None) -> Fetched:
        if task.row.data is not None:
            return Fetched(task.row.data, None)
        if fetching is not None:
            return fetching.result()
        return self.fetcher.read(task.row.item.image, task.validator(self.staged))

    def _bytes_of(self, task: Task, image_hash: str) -> Fetched:
        """An image that has not changed, and that is wanted all the same: for another model, or
        because its embedding was forgotten while the question was on its way."""
        kept = self.images.get(image_hash) if self.images is not None else None
        if kept is not None and task.known is not None:
            return Fetched(kept, task.known.validator)
        return self.fetcher.submit(task.row.item.image, None).result()

    def _hashed(self, task: Task, image: Fetched) -> tuple[str, Known | None]:
        """The image's hash, and what to remember of its address (None: nothing new)."""
        if image.data is None:
            assert task.known is not None, "only who knows a validator can be told: not modified"
            return task.known.image_hash, None
        image_hash = hash_of(image.data)
        # Without a validator nobody can be asked, but a copy can be found again.
        worth_it = image.validator or (self.images is not None and task.remote)
        return image_hash, Known(image.validator or "", image_hash) if worth_it else None


def _compared(look: Look, known: Known | None, data: bytes | None) -> Comparison:
    # From here on the bytes are with those who decode them.
    row, image_hash = look.row.alone(), look.image_hash
    if not look.is_stored:
        there = look.stored is not None
        return ImageChanged(row, image_hash, known, data, there, look.embedding)
    if look.stored is not None and look.stored.row_hash != row.row_hash:
        return ColumnsChanged(row, image_hash, known)
    return Unchanged(row, known)


@dataclass(frozen=True, slots=True)
class Preparer:
    """Makes rows ready for the model. Safe to use from threads."""

    comparer: Comparer
    encoder: Preprocessor
    limits: ImageLimits

    def prepare(self, task: Task, fetching: Future[Fetched] | None = None) -> tuple[Outcome, ...]:
        """Compare a row and its parts with what is stored, and decode the image if any is new."""
        outcomes: list[Outcome] = []
        to_decode: list[ImageChanged] = []
        for compared in self.comparer.compare(task, fetching):
            if not isinstance(compared, ImageChanged):
                outcomes.append(compared)
            elif compared.embedding is not None:
                outcomes.append(_reused(compared, compared.embedding))
            else:
                to_decode.append(compared)
        return (*outcomes, *self._decoded(to_decode))

    def _decoded(self, changed: Sequence[ImageChanged]) -> Sequence[Ready | Failure]:
        """One image made ready for the model, whole and in parts; one failure stands for all."""
        if not changed:
            return ()
        tally, first = self.comparer.tally, changed[0]
        at_least = self.encoder.decode_at_least  # Loads the model, if nothing has needed it yet.
        with tally.timed(Stage.DECODE):
            try:
                image = decode_changed(changed, self.limits, at_least)
                ready = [self._ready(one, image) for one in changed]
            except ImageError as error:
                return (replace(first.row.failure(error), times=len(changed)),)
        tally.passed(Stage.DECODE)
        return ready

    def _ready(self, changed: ImageChanged, image: Image.Image) -> Ready:
        box = changed.row.box
        part = image if box is None else cropped(image, box)
        pixels = self.encoder.preprocess([part])
        return Ready(changed.row, changed.image_hash, changed.known, pixels, changed.stored)


def decode_changed(
    changed: Sequence[ImageChanged], limits: ImageLimits, at_least: tuple[int, int] | None
) -> Image.Image:
    """The image that these share, large enough for each of its regions to be `at_least` so large.

    Raises ImageError.
    """
    first = changed[0]
    assert first.data is not None, "compare gives the bytes wherever there is no embedding"
    if at_least is not None:
        sizes = [enlarged(at_least, one.row.box) for one in changed]
        at_least = max(width for width, _ in sizes), max(height for _, height in sizes)
    return decode_image(first.data, limits, name=first.row.item.image, at_least=at_least)


def _reused(changed: ImageChanged, embedding: NDArray[np.float32]) -> Reused:
    return Reused(changed.row, changed.image_hash, changed.known, embedding, changed.stored)
