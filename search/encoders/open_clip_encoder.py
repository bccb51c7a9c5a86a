"""The encoder over any open_clip model."""

from collections.abc import Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch
from PIL import Image

from search.encoders.base import Embeddings, Lanes, ModelIdentity, Pixels, Places, View
from search.encoders.devices import choose_device, choose_precision, lanes_on
from search.encoders.identity import fingerprint
from search.encoders.loading import LoadedModel, load_model
from search.encoders.pixels import PixelTransform
from search.encoders.places import place_features, place_scale
from search.encoders.registry import ModelSource
from search.encoders.short_texts import text_features
from search.errors import InvalidInputError, ModelUnavailableError

MAX_BATCH = {"cuda": 512, "mps": 128, "cpu": 16}
"""Most images or texts that go through the model at once, by device; callers may pass any n."""


class OpenClipEncoder:
    """Images and texts through one open_clip model. See `search.encoders.base.Encoder`.

    Safe to call from several threads: the model is only read, the tokenizer has its own lock.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        identity: ModelIdentity,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._identity = identity
        self._transform = PixelTransform(loaded.transform)
        scale = place_scale(loaded.model.visual)
        scaled = loaded.transform_at(scale) if scale > 1 else loaded.transform
        self._places_transform = PixelTransform(scaled)
        self._tokenizer = loaded.tokenizer
        self._device, self._dtype = device, dtype
        self._model = loaded.model.to(device=device, dtype=dtype, memory_format=torch.channels_last)
        self._max_batch = MAX_BATCH[device.type]

    @classmethod
    def load(cls, source: ModelSource, *, device: str, precision: str) -> "OpenClipEncoder":
        """Load a model and put it on a device. Raises what `load_encoder` says."""
        chosen = choose_device(device)
        dtype = choose_precision(precision, chosen)
        loaded = load_model(source)
        dim = _dim_of(loaded)
        identity = ModelIdentity(
            name=source.name,
            fingerprint=fingerprint(
                loaded.model,
                architecture=loaded.architecture,
                preprocessing=loaded.preprocessing,
                tokenizer=loaded.tokenizer,
                dim=dim,
            ),
            dim=dim,
        )
        return cls(loaded, identity, device=chosen, dtype=dtype)

    @property
    def identity(self) -> ModelIdentity:
        """Name, fingerprint and dim of the model."""
        return self._identity

    @property
    def dim(self) -> int:
        """Length of every embedding."""
        return self._identity.dim

    @property
    def context_length(self) -> int:
        """Most tokens of a text that the model reads, its start and end marks included."""
        return self._tokenizer.context_length

    @property
    def device(self) -> str:
        """Where the model runs: cpu, cuda:0, mps..."""
        return str(self._device)

    @property
    def precision(self) -> str:
        """What the model computes in: fp32, fp16 or bf16."""
        return {torch.float32: "fp32", torch.float16: "fp16"}.get(self._dtype, "bf16")

    @property
    def max_batch(self) -> int:
        """Most images or texts that go through the model at once."""
        return self._max_batch

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the pixels that `preprocess` makes."""
        _, height, width = self._transform.shape
        return height, width

    @property
    def decode_at_least(self) -> tuple[int, int]:
        """Width and height from which on a larger image makes no other embedding."""
        return self._transform.decode_at_least

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, in order, as `(n, dim) float32`, L2-normalised.

        A text that exceeds the context is cut and keeps its end mark (see `truncated`).
        """
        rows = []
        for start in range(0, len(texts), self._max_batch):
            tokens = self._tokenizer(texts[start : start + self._max_batch])
            with torch.inference_mode():
                features = text_features(self._model, tokens.to(self._device))
                rows.append(self._finish(features))
        return self._joined(rows)

    def truncated(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text has more tokens than the context."""
        return [length > self.context_length for length in self._tokenizer.lengths(texts)]

    def encode_images(self, images: Sequence[Image.Image]) -> Embeddings:
        """Embed RGB images, in order: `encode_pixels` of `preprocess`, a batch at a time."""
        return self._joined(
            [
                self.encode_pixels(self.preprocess(images[start : start + self._max_batch]))
                for start in range(0, len(images), self._max_batch)
            ]
        )

    def preprocess(self, images: Sequence[Image.Image]) -> Pixels:
        """Resize and crop or pad RGB images by the model's own validation transform.

        `(n, 3, height, width) uint8`. Several threads may each call it with a part of the images.
        """
        return self._transform.preprocess(images)

    @property
    def preprocessor(self) -> PixelTransform:
        """What `preprocess` does, without the model; it can be pickled."""
        return self._transform

    def encode_pixels(self, pixels: Pixels) -> Embeddings:
        """Embed a batch that `preprocess` made, in order, as `(n, dim) float32`, L2-normalised.

        Raises:
            InvalidInputError: the batch has another shape or type than `preprocess` makes.
        """
        self._check(pixels, self._transform)
        rows = []
        for start in range(0, len(pixels), self._max_batch):
            some = pixels[start : start + self._max_batch]
            with torch.inference_mode():
                batch = self._transform.normalised(some, self._device).to(self._dtype)
                rows.append(self._finish(self._model.encode_image(batch)))
        return self._joined(rows)

    def preprocess_places(self, images: Sequence[Image.Image]) -> Pixels:
        """As `preprocess`, in the size at which `encode_places` tells places apart best."""
        return self._places_transform.preprocess(images)

    def encode_places(self, pixels: Pixels) -> Places:
        """What the model sees at each place, `(n, rows, columns, dim) float32`, not normalised.

        The pixels are those of `preprocess_places`, or of `preprocess`.

        Raises:
            UnsupportedError: a model that does not keep places apart.
            InvalidInputError: as `encode_pixels`.
        """
        self._check(pixels, self._transform, self._places_transform)
        grids = []
        for start in range(0, max(len(pixels), 1), self._max_batch):
            some = pixels[start : start + self._max_batch]
            with torch.inference_mode():
                batch = self._transform.normalised(some, self._device).to(self._dtype)
                found = place_features(self._model.visual, batch, self._identity.name)
            grids.append(found.float().cpu().numpy())
        return np.concatenate(grids)

    def view(self, size: tuple[int, int]) -> View:
        """Which part of a picture of this width and height is preprocessed, at either size."""
        return self._transform.view(size)

    def lanes(self) -> AbstractContextManager[Lanes]:
        """Threads for many batches, to be the only ones that embed for as long as they last."""
        return lanes_on(self._device)

    def _check(self, pixels: Pixels, *makers: PixelTransform) -> None:
        if pixels.dtype == np.uint8 and any(pixels.shape[1:] == each.shape for each in makers):
            return
        raise InvalidInputError(
            f"Pixels have shape {pixels.shape} and type {pixels.dtype}; this model takes (n, "
            f"{', '.join(map(str, makers[0].shape))}) of uint8.",
            hint="Make them with the same encoder's preprocess.",
        )

    def _finish(self, features: torch.Tensor) -> Embeddings:
        """Normalise in fp32, whatever the model computed in."""
        unit = torch.nn.functional.normalize(features.float(), dim=-1).cpu().numpy()
        if not np.isfinite(unit).all():
            raise ModelUnavailableError(
                f"Model '{self._identity.name}' gave values that are not numbers in"
                f" {self.precision} on {self.device}.",
                hint="Set precision to fp32 or bf16.",
            )
        embeddings: Embeddings = unit
        return embeddings

    def _joined(self, rows: list[Embeddings]) -> Embeddings:
        return np.concatenate(rows) if rows else np.empty((0, self.dim), dtype=np.float32)


def _dim_of(loaded: LoadedModel) -> int:
    with torch.inference_mode():
        return int(loaded.model.encode_text(loaded.tokenizer(["a"])).shape[-1])
