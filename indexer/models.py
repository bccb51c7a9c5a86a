"""The encoders of a run: loaded at once, or only when something has to be embedded."""

from collections.abc import Callable, Sequence
from typing import cast

from indexer.rollout import find_collection
from search.encoders import Encoder, resolve_model
from search.encoders.base import DECLARED
from search.encoders.late import LateEncoder
from search.store.base import Store


def encoders_for(
    store: Store, alias: str, model: str, load: Callable[[], Sequence[Encoder]]
) -> Sequence[Encoder]:
    """What `load` gives, the encoders of `model`, to index into the collection behind `alias`.

    Where its items were embedded by the model of that very name, `load` is put off until something
    has to be embedded (`LateEncoder`): a catalogue that has not changed costs no model. Raises what
    `load` raises, and ConfigError: there is no such model.
    """
    found = find_collection(store, alias)
    # Of embeddings that others made only the model's name is known: what made them is not at hand.
    if found is None or found.model.fingerprint.startswith(DECLARED):
        return load()
    if resolve_model(model).name != found.model.name:
        return load()
    return [cast(Encoder, LateEncoder(found.model, load))]
