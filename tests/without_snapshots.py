"""An embedded database whose rows are not at hand, as with a Milvus Lite that nobody knows yet."""

import pytest


def without_snapshots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Milvus Lite itself asked from now on."""
    for user in ("gathering", "reading"):
        monkeypatch.setattr(f"search.store.{user}.snapshot_of", lambda *_: None)
