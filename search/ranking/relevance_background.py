"""The background of a calibration: phrases and pictures that are the same for every catalogue."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from search.encoders.base import Embeddings, Encoder

PHRASES = Path(__file__).with_suffix(".toml")

CONTEXTS_EACH = 3
"""In how many contexts each phrase is said, beside alone."""

PICTURE_SIDE = 128


@dataclass(frozen=True, slots=True)
class Background:
    """The background as one model sees it; it serves every collection of that model.

    `texts` is `(n, dim) float32`, L2-normalised; `groups` `(n,)` and `phrases` `(n,)` number the
    group and the phrase that each text came from; `pictures` is `(m, dim) float32`, normalised.
    `never` numbers the groups that no catalogue has.
    """

    texts: Embeddings
    groups: NDArray[np.int64]
    phrases: NDArray[np.int64]
    never: tuple[int, ...]
    names: tuple[str, ...]
    pictures: Embeddings


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the background, and the numbers of its group and its phrase."""

    text: str
    group: int
    phrase: int


def embed_background(encoder: Encoder) -> Background:
    """Embed the background. Depends on the model alone, and is most of a calibration's time."""
    names, texts, never = background_texts()
    return Background(
        texts=encoder.encode_texts([each.text for each in texts]),
        groups=np.array([each.group for each in texts]),
        phrases=np.array([each.phrase for each in texts]),
        never=never,
        names=names,
        pictures=encoder.encode_images(background_pictures()),
    )


def background_texts() -> tuple[tuple[str, ...], list[Text], tuple[int, ...]]:
    """The names of the groups, all texts in order, and the numbers of the groups never stocked."""
    told = tomllib.loads(PHRASES.read_text(encoding="utf-8"))
    names = tuple(told["groups"])
    phrases = [(group, said) for group, name in enumerate(names) for said in told["groups"][name]]
    texts = [
        Text(form.format(said), group, number)
        for number, (group, said) in enumerate(phrases)
        for form in ("{}", *_contexts_of(number, told["contexts"]))
    ]
    return names, texts, tuple(names.index(name) for name in told["never"])


def _contexts_of(number: int, contexts: Sequence[str]) -> list[str]:
    """The next few contexts, around and around, so that each serves about as often."""
    start = number * CONTEXTS_EACH
    return [contexts[(start + step) % len(contexts)] for step in range(CONTEXTS_EACH)]


def background_pictures() -> list[Image.Image]:
    """Pictures of nothing: single colours, fades, coarse and fine noise; the same every time."""
    rng = np.random.default_rng(0)
    side = PICTURE_SIDE
    fade = np.linspace(0, 255, side)[None, :, None]
    made = [np.full((side, side, 3), grey) for grey in (0, 128, 255)]
    for _ in range(5):
        colour = rng.integers(0, 256, 3)
        made.append(np.broadcast_to(colour, (side, side, 3)))
        made.append(np.broadcast_to((fade + colour) / 2, (side, side, 3)))
        made.append(rng.integers(0, 256, (side, side, 3)))
        coarse = rng.integers(0, 256, (8, 8, 3))
        made.append(coarse.repeat(side // 8, axis=0).repeat(side // 8, axis=1))
    return [Image.fromarray(pixels.astype(np.uint8)) for pixels in made]
