"""Models of transformers that read a text and a picture together and say how well they match."""

import contextlib
import json
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from search.encoders.devices import choose_device
from search.encoders.torchvision_ops import import_torchvision
from search.errors import ModelUnavailableError, UnsupportedError

ARCHITECTURES = ("BlipForImageTextRetrieval",)
"""Those whose answer is known; the first word of a model's config.json that names one counts."""


class TransformersPairScorer:
    """One model. See `search.encoders.PairScorer`. For one thread at a time."""

    def __init__(self, model: Any, processor: Any, device: torch.device) -> None:
        self._model = model.to(device).eval().requires_grad_(False)
        self._processor = processor
        self._device = device

    @classmethod
    def load(cls, folder: Path, *, device: str) -> "TransformersPairScorer":
        """Load a model from a folder; asks no hub. Raises what `load_pair_scorer` says."""
        name = _architecture(folder)
        import_torchvision()
        transformers: Any = import_module("transformers")
        try:
            with _quiet():
                model = getattr(transformers, name).from_pretrained(folder, local_files_only=True)
                processor = transformers.AutoProcessor.from_pretrained(
                    folder, local_files_only=True
                )
        # Files that are missing, broken or of another version raise whatever their readers do.
        except Exception as error:
            raise ModelUnavailableError(
                f"The reranking model in {folder} cannot be loaded: {type(error).__name__}.",
                hint="The folder holds config.json, weights, tokenizer and image processor, as"
                " save_pretrained writes them.",
                details={"folder": str(folder)},
            ) from error
        return cls(model, processor, choose_device(device))

    @property
    def decode_at_least(self) -> tuple[int, int]:
        """Width and height from which on a larger image says no more."""
        side = 2 * int(self._model.config.vision_config.image_size)
        return side, side

    def score(self, text: str, image: Image.Image) -> float:
        """How likely the picture shows the text, 0..1."""
        most = int(self._model.config.text_config.max_position_embeddings)
        inputs = self._processor(
            images=image, text=text, truncation=True, max_length=most, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            logits = self._model(**inputs, use_itm_head=True).itm_score
        return float(torch.softmax(logits.float(), dim=-1)[0, 1])


def _architecture(folder: Path) -> str:
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        names = [str(name) for name in config.get("architectures") or ()]
    except (OSError, ValueError, AttributeError) as error:
        raise ModelUnavailableError(
            f"There is no model in {folder}.",
            hint="Name the folder that save_pretrained wrote, with its config.json.",
            details={"folder": str(folder)},
        ) from error
    known = [name for name in names if name in ARCHITECTURES]
    if not known:
        raise UnsupportedError(
            f"The model in {folder} is a {', '.join(names) or 'model of no known kind'}.",
            hint=f"Reranking reads {', '.join(ARCHITECTURES)}.",
            details={"folder": str(folder)},
        )
    return known[0]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Loading without what transformers prints, warns and draws."""
    logging: Any = import_module("transformers.utils.logging")
    verbosity, draws = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(verbosity)
        if draws:
            logging.enable_progress_bar()
