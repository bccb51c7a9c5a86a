"""What `index` and `reindex` do at their end, so that nobody who searches waits for it."""

from typing import TYPE_CHECKING

from api.cli.console import warn
from search.config import Settings
from search.errors import VitrineError

if TYPE_CHECKING:
    from search.encoders import Encoder
    from search.store import Store


def keep_calibration(
    store: "Store", encoder: "Encoder", collection: str, settings: Settings
) -> None:
    """Find out what scores are worth in the collection, unless what is kept of it still fits.

    The items are stored by now: a failure is a warning.
    """
    from search.judging import Judges

    try:
        Judges(store, settings.calibrations).prepare(store.resolve(collection), encoder)
    except VitrineError as error:
        warn(f"What scores are worth could not be found out, and will be by searches: {error}")
