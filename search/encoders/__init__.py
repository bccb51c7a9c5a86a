"""Encoders: images and texts into one embedding space. Importing this imports no torch."""

from pathlib import Path

from search.encoders.base import Embeddings, Encoder, ModelIdentity, PairScorer, Pixels
from search.encoders.registry import PRESETS, ModelSource, Preset, resolve_model

__all__ = [
    "PRESETS",
    "Embeddings",
    "Encoder",
    "ModelIdentity",
    "ModelSource",
    "PairScorer",
    "Pixels",
    "Preset",
    "load_encoder",
    "load_encoders",
    "load_pair_scorer",
    "resolve_model",
]


def load_encoder(name: str, *, device: str = "auto", precision: str = "auto") -> Encoder:
    """Load a model by name (see `resolve_model`): the one encoder for index and query.

    `device` is auto, cpu, cuda, cuda:N or mps; `precision` auto, fp32, fp16 or bf16. Auto means
    the first of cuda, mps and cpu that is there, fp16 on cuda and fp32 elsewhere.

    Raises:
        ConfigError: no model, device or precision of that name.
        ModelUnavailableError: the model's files are missing or broken, or its hub does not
            answer.
    """
    source = resolve_model(name)
    from search.encoders.open_clip_encoder import OpenClipEncoder

    return OpenClipEncoder.load(source, device=device, precision=precision)


def load_encoders(name: str, *, device: str = "auto", precision: str = "auto") -> list[Encoder]:
    """One encoder of a model for each device that may be used: several with several GPUs.

    `device` auto and cuda mean all GPUs; any other name means that device alone. Raises what
    `load_encoder` raises.
    """
    from search.encoders.devices import all_devices

    return [load_encoder(name, device=one, precision=precision) for one in all_devices(device)]


def load_pair_scorer(folder: Path, *, device: str = "auto") -> PairScorer:
    """Load a model that reads text and picture together, from a folder of transformers' making.

    `device` as `load_encoder`'s. Asks no hub.

    Raises:
        ConfigError: no device of that name.
        ModelUnavailableError: the folder holds no model, or one that cannot be read.
        UnsupportedError: a model of a kind that is not known here.
    """
    from search.encoders.pair_scorer import TransformersPairScorer

    return TransformersPairScorer.load(folder, device=device)
