"""From a model's name to open_clip's model, transform and tokenizer, quietly and in bounded time.

open_clip logs through the root logger, warns, asks hubs without a time limit, and fails with
whatever its parts raise: all of that ends here.
"""

import contextlib
import difflib
import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from search.encoders.hub import bounded_hub
from search.encoders.registry import BUNDLED, CONFIG_FILE, ModelSource, SourceKind
from search.encoders.tokens import TextTokenizer, text_tokenizer
from search.encoders.torchvision_ops import import_torchvision
from search.errors import ConfigError, ModelUnavailableError

# Loading changes things that are global to the process: one model at a time.
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in fp32 on the CPU, in evaluation mode, with what belongs to it.

    `transform` takes an RGB image to a `(3, height, width) float32` tensor.
    """

    model: Any
    transform: Callable[[Any], torch.Tensor]
    tokenizer: TextTokenizer
    architecture: Mapping[str, object]
    preprocessing: Mapping[str, object]

    def transform_at(self, scale: int) -> Callable[[Any], torch.Tensor]:
        """The transform to so many times the width and height."""
        size: Any = self.preprocessing["size"]
        larger = scale * size if isinstance(size, int) else tuple(scale * side for side in size)
        return _transform({**self.preprocessing, "size": larger})


def _transform(preprocessing: Mapping[str, object]) -> Callable[[Any], torch.Tensor]:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    made: Callable[[Any], torch.Tensor] = image_transform_v2(
        PreprocessCfg(**preprocessing), is_train=False
    )
    return made


def load_model(source: ModelSource) -> LoadedModel:
    """Load a model through open_clip.

    Raises:
        ConfigError: open_clip has no such architecture or tag (the hint lists near matches).
        ModelUnavailableError: files missing or broken, or the hub does not answer.
    """
    import_torchvision()
    import open_clip

    with _lock, _quiet():
        if source.kind is SourceKind.FOLDER:
            _check_folder(source)
        elif source.kind is SourceKind.PRETRAINED:
            _check_known(source)
        with bounded_hub(wanted=_needs_hub(source)) as no_hub:
            try:
                model = open_clip.create_model(
                    source.open_clip_name, pretrained=source.tag, require_pretrained=True
                )
                tokenizer = open_clip.get_tokenizer(source.open_clip_name)
                architecture = open_clip.get_model_config(source.open_clip_name)
            # Its own errors, the hub client's, torch's and the file system's: a model that does
            # not load is one thing to us.
            except Exception as error:
                raise _unavailable(source, error, no_hub) from error
    preprocessing = dict(model.visual.preprocess_cfg)
    model.eval().requires_grad_(False)
    context_length = int(getattr(tokenizer, "context_length", None) or model.context_length)
    return LoadedModel(
        model=model,
        transform=_transform(preprocessing),
        tokenizer=text_tokenizer(tokenizer, context_length),
        architecture=architecture or {},
        preprocessing=preprocessing,
    )


def _needs_hub(source: ModelSource) -> bool:
    """A folder needs none, and then none is asked, unless its text tower is one of the hub's."""
    if source.path is None:
        return True
    try:
        return "hf_model_name" in (source.path / CONFIG_FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unavailable(source, error, None) from error


def _check_known(source: ModelSource) -> None:
    import open_clip

    architecture, tag = source.open_clip_name, source.tag or ""
    known = open_clip.list_models()
    if architecture not in known:
        near = _near(architecture, known)
        raise ConfigError(
            f"open_clip has no architecture '{architecture}'.",
            hint=f"Near it: {', '.join(near)}." if near else "docs/models.md lists presets.",
            details={"model": source.name, "near": near},
        )
    tags = open_clip.list_pretrained_tags_by_model(architecture)
    if tag not in tags:
        near = _near(tag, tags) or tags
        raise ConfigError(
            f"{architecture} has no pretrained weights '{tag}'.",
            hint=f"It has: {', '.join(near)}." if near else "open_clip has none for it.",
            details={"model": source.name, "near": near},
        )


def _near(word: str, known: list[str]) -> list[str]:
    by_lower = {name.lower(): name for name in known}
    return [by_lower[low] for low in difflib.get_close_matches(word.lower(), list(by_lower), n=5)]


def _check_folder(source: ModelSource) -> None:
    path = source.path or Path()
    hint = (
        "Install vitrine again: the bundled model is missing."
        if source.name == BUNDLED
        else f"The folder needs {CONFIG_FILE}, the weights (safetensors) and the tokenizer's files."
    )
    details = {"model": source.name, "path": str(path)}
    if not path.is_dir():
        raise ModelUnavailableError(
            f"The folder of model '{source.name}' does not exist: {path}.",
            hint=hint,
            details=details,
        )
    if not (path / CONFIG_FILE).is_file():
        raise ModelUnavailableError(
            f"{path} is not a model: it has no {CONFIG_FILE}.", hint=hint, details=details
        )


def _unavailable(
    source: ModelSource, error: Exception, no_hub: str | None
) -> ModelUnavailableError:
    reason = " ".join(str(error).split()) or type(error).__name__
    reason = reason if len(reason) <= 300 else f"{reason[:300]}..."
    details = {"model": source.name, "reason": no_hub or reason}
    if source.kind is SourceKind.FOLDER:
        return ModelUnavailableError(
            f"Model '{source.name}' cannot be loaded: {reason}",
            hint="Its config, weights and tokenizer must belong together; copy the folder again.",
            details=details,
        )
    cure = (
        "Download it where there is a network and either copy the folder and name it"
        " local-dir:PATH, or copy the cache and set HF_HOME to it; or use the bundled model"
        f" '{BUNDLED}'."
    )
    if no_hub is not None:
        return ModelUnavailableError(
            f"Model '{source.name}' is not on this machine, and its hub cannot be reached"
            f" ({no_hub}).",
            hint=cure,
            details=details,
        )
    return ModelUnavailableError(
        f"Model '{source.name}' cannot be loaded: {reason}",
        hint=f"Look whether its hub has that model and lets you read it. {cure}",
        details=details,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep open_clip's and transformers' chatter from the root logger, stderr and stdout."""
    root = logging.getLogger()
    silent = logging.NullHandler()  # Without any handler, `logging.info` would add one for good.
    root.addHandler(silent)
    root.addFilter(_not_open_clip)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeFilter(_not_open_clip)
        root.removeHandler(silent)


def _not_open_clip(record: logging.LogRecord) -> bool:
    return f"{os.sep}open_clip{os.sep}" not in record.pathname
