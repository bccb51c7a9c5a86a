"""What a worker does for one row: read its image, see what changed, make it ready for the model."""

from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.fetching import Fetched, Fetcher
from indexer.memory import Known
from indexer.report import Failure
from indexer.rows import Row
from indexer.staged_images import StagedImages, hash_of
from indexer.staging import StagedEmbeddings
from indexer.tally import Stage, Tally
from search.encoders.base import Pixels, Preprocessor
from search.errors import ImageError, ImageUnavailableError
from search.images import ImageLimits, decode_image
from search.store.base import Hashes


@dataclass(frozen=True, slots=True)
class Task:
    """A row, with what the store has of its id and what was remembered of its image's address."""

    row: Row
    stored: Hashes | None = None
    known: Known | None = None

    @property
    def remote(self) -> bool:
        """Whether the image has to be fetched from elsewhere."""
        return self.row.data is None and "://" in self.row.item.image

    def validator(self, staged: StagedEmbeddings, images: StagedImages | None = None) -> str | None:
        """By which to ask whether the image changed; None when its bytes are wanted anyway."""
        if self.known is None or not self.known.validator:
            return None
        image_hash = self.known.image_hash
        here = (
            (self.stored is not None and self.stored.image_hash == image_hash)
            or staged.get(image_hash) is not None
            or (images is not None and image_hash in images)
        )
        return self.known.validator if here else None


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

    def compare(self, task: Task, fetching: Future[Fetched] | None = None) -> Comparison:
        """Compare a row with what is stored of its id.

        `fetching` is what `fetch` gave, for an image elsewhere.
        """
        row, stored = task.row, task.stored
        try:
            with self.tally.timed(Stage.FETCH):
                image = self._fetched(task, fetching)
                image_hash, known = self._hashed(task, image)
                embedding = self.staged.get(image_hash)
                same = stored is not None and stored.image_hash == image_hash
                if image.data is None and embedding is None and not same:
                    image = self._bytes_of(task, image_hash)
                    image_hash, known = self._hashed(task, image)
                if image.data is not None and task.remote and self.images is not None:
                    self.images.put(image_hash, image.data)
        except (ImageError, ImageUnavailableError) as error:
            return row.failure(error)
        self.tally.passed(Stage.FETCH)
        row = row.without_image()  # From here on the bytes are with those who decode them.
        if stored is None or stored.image_hash != image_hash:
            there = stored is not None
            return ImageChanged(row, image_hash, known, image.data, there, embedding)
        if stored.row_hash != row.row_hash:
            return ColumnsChanged(row, image_hash, known)
        return Unchanged(row, known)

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


@dataclass(frozen=True, slots=True)
class Preparer:
    """Makes rows ready for the model. Safe to use from several threads."""

    comparer: Comparer
    encoder: Preprocessor
    limits: ImageLimits

    def prepare(self, task: Task, fetching: Future[Fetched] | None = None) -> Outcome:
        """Compare a row with what is stored of its id, and decode its image if that is new."""
        compared = self.comparer.compare(task, fetching)
        return self.decode(compared) if isinstance(compared, ImageChanged) else compared

    def decode(self, changed: ImageChanged) -> Ready | Reused | Failure:
        """Make the image ready for the model, or find that it was embedded before."""
        row, tally = changed.row, self.comparer.tally
        if changed.embedding is not None:
            return Reused(row, changed.image_hash, changed.known, changed.embedding, changed.stored)
        assert changed.data is not None, "compare gives one or the other"
        with tally.timed(Stage.DECODE):
            try:
                image = decode_image(
                    changed.data,
                    self.limits,
                    name=row.item.image,
                    at_least=self.encoder.decode_at_least,
                )
                pixels = self.encoder.preprocess([image])
            except ImageError as error:
                return row.failure(error)
        tally.passed(Stage.DECODE)
        return Ready(row, changed.image_hash, changed.known, pixels, changed.stored)
