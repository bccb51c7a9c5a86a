"""Calibrations as files, so that whoever searches does not wait for one.

A file says nothing that its collection does not: it may be deleted at any time. It is only taken
for the very model and background that it was made with (they are in its name); whether it still
fits the collection is seen by the items that it was made from (`search.judging`).
"""

import hashlib
import io
import json
import logging
import uuid
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search.ranking.relevance import Calibration
from search.ranking.relevance_background import PHRASES
from search.ranking.relevance_images import ImageFit
from search.ranking.relevance_texts import TextFit

_MOST_OF_NAME = 100
"""How much of a collection's name is in the file's: names of files have a limit."""

_log = logging.getLogger("vitrine.engine")


@dataclass(frozen=True, slots=True)
class Made:
    """A calibration and what it was made from.

    `ids` are the items of its sample, in the sample's order; `count` is how many items the
    collection had.
    """

    calibration: Calibration
    ids: tuple[str, ...]
    count: int


class CalibrationFiles:
    """The calibrations of one database's collections, in a folder that databases may share."""

    def __init__(self, folder: Path, address: str) -> None:
        """`address` is the database's, as the store says it."""
        self._folder = folder
        self._database = _digest(address.encode())[:8]

    def load(self, collection: str, model: str) -> Made | None:
        """What was kept for the model of that fingerprint; None if there is nothing to read."""
        try:
            return read(self._path(collection, model).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            _log.warning("The calibration of %s cannot be read: %s", collection, error)
            return None

    def keep(self, collection: str, model: str, made: Made, names: Collection[str]) -> None:
        """Write the calibration; files of collections that are not among `names` go.

        A folder that cannot be written to is told to the log: then it is made again next time.
        """
        path = self._path(collection, model)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(written(made))
            draft.replace(path)
            self._let_go(path, {self._prefix(name) for name in names})
        except OSError as error:
            _log.warning("The calibration of %s cannot be kept: %s", collection, error)

    def _let_go(self, kept: Path, prefixes: set[str]) -> None:
        """Delete the files of collections that are gone, and of `kept`'s under other models."""
        for path in self._folder.glob(f"{self._database}-*.npz"):
            prefix = path.name.rpartition("-")[0]
            is_replaced = prefix == kept.name.rpartition("-")[0] and path != kept
            if prefix not in prefixes or is_replaced:
                path.unlink(missing_ok=True)

    def _path(self, collection: str, model: str) -> Path:
        made_with = _digest(collection.encode(), model.encode(), PHRASES.read_bytes())[:12]
        return self._folder / f"{self._prefix(collection)}-{made_with}.npz"

    def _prefix(self, collection: str) -> str:
        return f"{self._database}-{collection[:_MOST_OF_NAME]}"


def written(made: Made) -> bytes:
    """The bytes of a calibration: an .npz of its arrays, exact, 2.3 MB with 256 dims."""
    texts, images = made.calibration.texts, made.calibration.images
    said = {"ids": made.ids, "count": made.count, "stocked": texts.stocked}
    buffer = io.BytesIO()
    np.savez(
        buffer,
        said=np.frombuffer(json.dumps(said).encode(), dtype=np.uint8),
        sample=made.calibration.sample,
        direction=texts.direction,
        centre=texts.centre,
        scale=texts.scale,
        platt=texts.platt,
        mean=images.mean,
        axes=images.axes,
        levels=np.array([images.near, images.far]),
    )
    return buffer.getvalue()


def read(data: bytes) -> Made:
    """What `written` wrote. Raises ValueError, KeyError, EOFError or BadZipFile for other bytes."""
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        said = json.loads(kept["said"].tobytes())
        texts = TextFit(
            direction=kept["direction"],
            centre=kept["centre"],
            scale=kept["scale"],
            platt=kept["platt"],
            stocked=tuple(said["stocked"]),
        )
        near, far = map(float, kept["levels"])
        images = ImageFit(kept["mean"], kept["axes"], near, far)
        calibration = Calibration(kept["sample"], texts, images)
    return Made(calibration, tuple(said["ids"]), int(said["count"]))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
