"""Pictures of items with the places coloured where a text is found."""

import io

from PIL import Image

from api.images import JPEG_QUALITY, ImageBytes, ImageFile
from search.engine import SearchEngine
from search.errors import EmptyQueryError, ImageError, NotFoundError
from search.explaining import overlay, span_of
from search.images import DECODING, ImageLimits, load_image

MAX_SIZE = 1024
DEFAULT_SIZE = 400


def draw_heat_map(
    file: ImageFile | ImageBytes,
    text: str,
    size: int,
    *,
    engine: SearchEngine,
    limits: ImageLimits,
) -> bytes:
    """The image as a JPEG of at most `size` pixels along its longer side, the text's places warm.

    Raises:
        EmptyQueryError: the text is blank.
        NotFoundError: the file cannot be read as an image within the limits.
        UnsupportedError: the model does not keep the places of a picture apart.
    """
    if not text.strip():
        raise EmptyQueryError("The text is empty.", hint="Say what to find in the picture.")
    try:
        with DECODING:
            image = load_image(file.data if isinstance(file, ImageBytes) else file.path, limits)
            image.thumbnail((max(size, DEFAULT_SIZE),) * 2, Image.Resampling.LANCZOS)
    except ImageError:
        raise NotFoundError(
            f"The image of item {file.item_id!r} cannot be read any more.",
            hint="Mend it, or index the catalogue again.",
            details={"id": file.item_id},
        ) from None
    image.info.clear()
    [heat] = engine.heat_maps(image, [text])
    drawn = overlay(image, heat, span=span_of([heat]))
    drawn.thumbnail((size, size), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    drawn.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True)
    return out.getvalue()
