"""Pictures of rows that a job left out: only of images that lie where jobs may read.

A run takes an image from wherever the catalogue says. A row that was left out became no item, so
that nobody has said yet that its image may be shown: it is only if the operator has named its
place (`VITRINE_JOB_SOURCES`), and links in it lead where they lead.
"""

from pathlib import Path
from urllib.parse import quote, urlencode

from api.images import browser_address
from api.jobs.schemas import FailureOut
from api.jobs.sources import AllowedSources
from api.schemas import THUMBNAIL_SIZE
from indexer.fetching.addresses import local_path
from indexer.locations import join
from search.types import Item


def item_of(row: FailureOut, base: str | None, allowed: AllowedSources) -> Item | None:
    """The item that the row's image would belong to; None if it names none that may be shown.

    `base` is the address that relative images of the catalogue start from; None: not known. An
    image on the web is for the browser to get, as those of items are.
    """
    if not row.image or base is None:
        return None
    try:
        address = join(base, row.image)
        item = Item(row.id or "", address)
        if browser_address(item) is not None:
            return item
        if (path := local_path(address)) is not None:
            address = str(Path(path).resolve())
    except (OSError, RuntimeError, ValueError):  # A ring of links, or no path at all.
        return None
    return Item(row.id or "", address) if allowed.allows(address) else None


def picture_address(job: str, row: FailureOut) -> str:
    """Where the service has the row's own picture, small."""
    named = {} if row.id is None else {"item": row.id}
    asked = urlencode({"size": THUMBNAIL_SIZE, **named})
    return f"/v1/jobs/{quote(job, safe='')}/failures/{row.row}/image?{asked}"
