"""What a worker does for one row: read its image, see what changed, make it ready for the model."""

import hashlib
from dataclasses import dataclass

from indexer.report import Failure
from indexer.rows import Row
from indexer.tally import Tally
from search.encoders.base import Encoder, Pixels
from search.errors import ImageError
from search.images import ImageLimits, decode_image, read_image_bytes
from search.store.base import Hashes


@dataclass(frozen=True, slots=True)
class Ready:
    """A row whose image is to be embedded. `pixels` is `(1, 3, height, width) float32`."""

    row: Row
    image_hash: str
    pixels: Pixels
    stored: bool


@dataclass(frozen=True, slots=True)
class ColumnsChanged:
    """A row whose image is the stored one, and whose other columns are not."""

    row: Row
    image_hash: str


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A row that is in the store as it is in the catalogue."""

    row: Row


Outcome = Ready | ColumnsChanged | Unchanged | Failure


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares rows. Safe to call from several threads."""

    encoder: Encoder
    limits: ImageLimits
    tally: Tally

    def prepare(self, row: Row, stored: Hashes | None) -> Outcome:
        """Compare a row with what is stored of its id, and decode its image if that is new."""
        with self.tally.timed("decode"):
            try:
                data = read_image_bytes(row.image_path, self.limits)
                image_hash = hashlib.blake2b(data, digest_size=16).hexdigest()
                if stored is not None and stored.image_hash == image_hash:
                    same = stored.row_hash == row.row_hash
                    return Unchanged(row) if same else ColumnsChanged(row, image_hash)
                image = decode_image(data, self.limits, name=row.item.image)
                pixels = self.encoder.preprocess([image])
            except ImageError as error:
                return row.failure(error)
            return Ready(row, image_hash, pixels, stored is not None)
