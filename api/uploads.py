"""Image files that clients upload."""

from fastapi import UploadFile

from search.errors import EmptyQueryError, ImageTooLargeError
from search.images import ImageLimits


def read_upload(file: UploadFile, limits: ImageLimits) -> bytes:
    """The upload's bytes: at most one more than allowed is ever read.

    Raises:
        ImageTooLargeError: it has more than the limits allow.
        EmptyQueryError: it has none.
    """
    data = file.file.read(limits.max_bytes + 1)
    if len(data) > limits.max_bytes:
        raise ImageTooLargeError(
            f"The uploaded image is larger than {limits.max_bytes:,} bytes.",
            hint="Send a smaller one.",
            details={"max_bytes": limits.max_bytes},
        )
    if not data:
        raise EmptyQueryError("The uploaded file is empty.", hint="Upload an image.")
    return data
