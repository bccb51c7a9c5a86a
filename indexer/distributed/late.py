"""The preprocessing of a model that the driver has not loaded: for a run that may embed nothing."""

import pickle
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from indexer.distributed.cluster import load_ray, translated
from indexer.distributed.stages import check_same
from search.encoders.base import Encoder, ModelIdentity
from search.encoders.late import LateEncoder


def preprocessor_of(encoder: Encoder, model: str) -> Callable[[], bytes]:
    """What gives workers the encoder's preprocessor, pickled; loads nothing here.

    If the encoder is loaded already it is that one's. Else one process of the cluster loads the
    model, when the first worker has an image to prepare.
    """
    if not isinstance(encoder, LateEncoder) or encoder.is_loaded:
        return partial(bytes, pickle.dumps(encoder.preprocessor))
    actor = load_ray().remote(_Preprocessing)
    # It takes no core, and begins again elsewhere when its machine is lost.
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
    return partial(_ask, actor.options(**options).remote(model, encoder.identity))


class _Preprocessing:
    """A process of the cluster that knows the model; loads it when it is asked."""

    def __init__(self, model: str, identity: ModelIdentity) -> None:
        self._model, self._identity = model, identity

    def pickled(self) -> bytes:
        return self._pickled

    @cached_property
    def _pickled(self) -> bytes:
        from search.encoders import load_encoder

        encoder = load_encoder(self._model, device="cpu")
        check_same(encoder.identity, self._identity, self._model)
        return pickle.dumps(encoder.preprocessor)


def _ask(process: Any) -> bytes:
    with translated():
        found: bytes = load_ray().get(process.pickled.remote())
    return found
