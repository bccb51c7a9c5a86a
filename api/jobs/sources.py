"""Which catalogues and models jobs may read: those below the addresses that the operator names."""

import re
from pathlib import Path
from urllib.parse import unquote

from api.jobs.errors import SourceRefusedError
from indexer.fetching.addresses import local_path
from indexer.locations import expand

_LOCAL_MODEL = "local-dir:"


class AllowedSources:
    """Addresses that a source has to be, or to lie below: folders, or prefixes such as `s3://b/`.

    Names that links in such a folder have lead where they lead: a source is judged by the place
    itself. A run does not ask which images a catalogue names: whoever may write it decides.
    """

    def __init__(self, named: str) -> None:
        """`named`: the setting, comma-separated; blank: nothing is allowed."""
        self._named = [each.strip() for each in named.split(",") if each.strip()]

    def check(self, source: str) -> None:
        """SourceRefusedError unless all that the address stands for is allowed.

        CatalogError if braces in it stand for too many.
        """
        if not self._named:
            raise SourceRefusedError(
                "This service runs no jobs.",
                hint="Its operator says what they may read with VITRINE_JOB_SOURCES.",
            )
        if not all(map(self.allows, expand(source))):
            raise SourceRefusedError(
                "This service's jobs may not read from there.",
                hint="Give an absolute path or an address below one that its operator named with "
                "VITRINE_JOB_SOURCES.",
                details={"source": source},
            )

    def check_model(self, model: str) -> None:
        """The same for a model that is a folder; any other has a name and needs no leave."""
        if model.startswith(_LOCAL_MODEL):
            self.check(model.removeprefix(_LOCAL_MODEL))

    def allows(self, address: str) -> bool:
        """Whether one address is allowed, taken as it stands: braces in it are braces."""
        path = local_path(address)
        if path is None:
            return _is_plain(address) and any(
                local_path(named) is None and _is_below(address, named) for named in self._named
            )
        if not Path(path).is_absolute() or "\0" in address:
            return False
        place = Path(path).resolve()
        roots = [root for named in self._named if (root := local_path(named)) is not None]
        return any(place.is_relative_to(Path(root).resolve()) for root in roots)


def _is_plain(address: str) -> bool:
    """Whether an address is where it seems to be: nothing chained, no way up."""
    said = unquote(unquote(address))
    return not re.search(r"::|\\|(^|/)\.\.?(/|$)", said)


def _is_below(address: str, named: str) -> bool:
    """By whole parts: `s3://shop` allows `s3://shop/x`, not `s3://shopping/x`."""
    return address == named or address.startswith(named.rstrip("/") + "/")
