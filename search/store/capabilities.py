"""What a Milvus can do, by what it says its version is."""

import re

from search.store.base import SERVER_SINCE, Capabilities

_EMBEDDED = "milvus_lite-"


def capabilities_of(version: str) -> Capabilities:
    """Read a version such as `v2.3.5-lite`, `2.6.11` or `milvus_lite-3.2.2` (the embedded one).

    A version that says no number is taken for an old one: better a clear refusal than an answer
    that silently lacks what was asked.
    """
    embedded = version.startswith(_EMBEDDED)
    number = _number(version.removeprefix(_EMBEDDED))
    can = {name: embedded or number >= _number(since) for name, since in SERVER_SINCE.items()}
    return Capabilities(version=version.removeprefix(_EMBEDDED), embedded=embedded, **can)


def _number(version: str) -> tuple[int, int]:
    found = re.search(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
