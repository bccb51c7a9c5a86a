"""Why an image was not fetched: for now, or for good."""

from indexer.fetching.addresses import shown
from search.errors import ImageTooLargeError, ImageUnavailableError, ImageUnreadableError
from search.images import ImageLimits

TRY_LATER = "Run the command again later: only what is missing is fetched."
CORRECT = "Correct the address in the catalogue."


class MayGetBetterError(Exception):
    """An attempt that failed and may be worth another one; never leaves fetching.

    `wait_s`: how long the host asked to wait before it.
    """

    def __init__(self, reason: str, wait_s: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


def unreadable(address: str, what: str, hint: str = CORRECT) -> ImageUnreadableError:
    """No image, and asking again would not change it; `what` goes on after the address."""
    name = shown(address)
    return ImageUnreadableError(f"{name} {what}.", hint=hint, details={"image": name})


def unavailable(address: str, what: str, hint: str = TRY_LATER) -> ImageUnavailableError:
    """No image for now; `what` goes on after the address."""
    name = shown(address)
    return ImageUnavailableError(f"{name} {what}.", hint=hint, details={"image": name})


def too_large(address: str, size: int | None, limits: ImageLimits) -> ImageTooLargeError:
    """More bytes than the limits allow; `size` where the source says it."""
    name = shown(address)
    has = f"{size:,} bytes" if size is not None else f"more than {limits.max_bytes:,} bytes"
    return ImageTooLargeError(
        f"{name} has {has}; at most {limits.max_bytes:,} are read.",
        hint="Save it smaller, or raise max_image_bytes.",
        details={"image": name, "bytes": size, "max_bytes": limits.max_bytes},
    )
