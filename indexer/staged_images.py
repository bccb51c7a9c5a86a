"""Copies of images that were fetched from elsewhere: the next model embeds them from here."""

import hashlib
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from search.errors import UnavailableError


def hash_of(data: bytes) -> str:
    """The hash by which images are known: 32 hex digits of BLAKE2b over their bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class StagedImages:
    """A folder of images by the hash of their bytes: `ab/abcd...`. Safe to use from anywhere.

    Several processes may use it, and files may be deleted at any time: what is not there is
    fetched again. With `trusted`, an image that is here is not asked for at its host at all, even
    if it changed there since.
    """

    folder: Path
    trusted: bool = False

    def __contains__(self, image_hash: str) -> bool:
        return self.path(image_hash).is_file()

    def get(self, image_hash: str) -> bytes | None:
        """The bytes of an image; None if they are not here, or not whole."""
        try:
            data = self.path(image_hash).read_bytes()
        except OSError:
            return None
        return data if hash_of(data) == image_hash else None

    def put(self, image_hash: str, data: bytes) -> None:
        """Keep an image, whole or not at all.

        Raises:
            UnavailableError: it cannot be written, for want of space for example.
        """
        if self.get(image_hash) is not None:
            return
        path = self.path(image_hash)
        draft = path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(data)
            draft.replace(path)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise UnavailableError(
                f"An image cannot be kept in {self.folder}: {error.strerror or error}.",
                hint="Free some space, or choose another folder with --staged-images.",
            ) from error

    def path(self, image_hash: str) -> Path:
        """The file that an image of that hash is, or would be."""
        return self.folder / image_hash[:2] / image_hash
