"""A picture as an answer: a small JPEG that is made here, or where on the web the image is."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi.responses import RedirectResponse, Response

from api.deps import ImagesOfItems, Limits, ReadyPictures
from api.entity_tags import matches
from api.images import (
    MAX_SIZE,
    MIN_SIZE,
    ItemImages,
    browser_address,
    open_image,
    render_jpeg,
)
from api.thumbnails import Thumbnails
from search.images import ImageLimits
from search.types import Item

PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {}}, "description": "The picture."},
    302: {"description": "The image is on a web server: its address there, at its own size."},
    304: {"description": "The picture that the client has is the current one."},
}
"""What an operation that answers with a picture says of its answers."""

Size = Annotated[int, Query(ge=MIN_SIZE, le=MAX_SIZE, description="Pixels along the longer side.")]


@dataclass(frozen=True, slots=True)
class Pictures:
    """Makes answers of items' images."""

    limits: ImageLimits
    images: ItemImages
    thumbnails: Thumbnails

    def answer(self, item: Item, size: int, *, none_match: str, cached: str) -> Response:
        """The item's picture, unless the client has it already (`none_match`).

        `cached` says how long it may be shown again without asking, as `Cache-Control` has it.

        Raises:
            NotFoundError: the image is not there (any more), or cannot be read.
            ImageUnavailableError: its store does not answer now.
        """
        headers = {"Cache-Control": cached}
        if (address := browser_address(item)) is not None:
            return RedirectResponse(address, 302, headers=headers)
        file = open_image(item, self.images)
        etag = file.etag(size)
        headers["ETag"] = etag
        if matches(none_match, etag):
            return Response(status_code=304, headers=headers)
        picture = self.thumbnails.get(etag)
        if picture is None:
            picture = render_jpeg(file, size, self.limits)
            self.thumbnails.put(etag, picture)
        return Response(picture, media_type="image/jpeg", headers=headers)


async def get_pictures(
    limits: Limits, images: ImagesOfItems, thumbnails: ReadyPictures
) -> Pictures:
    """What makes the service's pictures."""
    return Pictures(limits, images, thumbnails)


ServicePictures = Annotated[Pictures, Depends(get_pictures)]
