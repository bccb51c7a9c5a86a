"""open_clip's tokenizers behind one face: token ids, and which texts are too long."""

import threading
from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor


class TextTokenizer(Protocol):
    """Texts to token ids. Safe to call from several threads."""

    @property
    def context_length(self) -> int:
        """Most tokens of a text, its start and end marks included."""

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """`(n, context_length) int64`; longer texts are cut, and keep their end mark."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """How many tokens each text has, uncut, its start and end marks included."""

    def vocabulary(self) -> dict[str, int]:
        """Every token and its id."""


class SimpleTextTokenizer:
    """OpenAI's byte-pair tokenizer, which open_clip brings along."""

    def __init__(self, tokenizer: Any, context_length: int) -> None:
        self._tokenizer = tokenizer
        self.context_length = context_length

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """See `TextTokenizer`."""
        ids: Tensor = self._tokenizer(list(texts), context_length=self.context_length)
        return ids

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """See `TextTokenizer`."""
        return [len(self._tokenizer.encode(text)) + 2 for text in texts]

    def vocabulary(self) -> dict[str, int]:
        """See `TextTokenizer`."""
        return dict(self._tokenizer.encoder)


class HubTextTokenizer:
    """A tokenizer in Hugging Face's form, from the hub or from the model's folder."""

    def __init__(self, tokenizer: Any, context_length: int) -> None:
        self._tokenizer = tokenizer
        self.context_length = context_length
        # Truncation and padding are state of the tokenizer, set by every call.
        self._lock = threading.Lock()

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """See `TextTokenizer`."""
        with self._lock:
            ids: Tensor = self._tokenizer(list(texts), context_length=self.context_length)
        return ids

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """See `TextTokenizer`."""
        if not texts:
            return []
        clips = getattr(self._tokenizer, "tokenizer_mode", "") == "clips"
        with self._lock:
            ids = self._tokenizer.tokenizer(
                self._cleaned(texts),
                add_special_tokens=not clips,
                truncation=False,
                padding=False,
                verbose=False,
            ).input_ids
        return [len(one) + (3 if clips else 0) for one in ids]

    def vocabulary(self) -> dict[str, int]:
        """See `TextTokenizer`."""
        return dict(self._tokenizer.tokenizer.get_vocab())

    def _cleaned(self, texts: Sequence[str]) -> list[str]:
        """The texts as the tokenizer's own call cleans them."""
        clean = getattr(self._tokenizer, "clean_fn", None)
        if clean is None:  # open_clip's SigLipTokenizer has its cleaning inside the call.
            from open_clip.tokenizer import basic_clean, canonicalize_text

            return [canonicalize_text(basic_clean(text)) for text in texts]
        return [clean(text) for text in texts]


def text_tokenizer(tokenizer: Any, context_length: int) -> TextTokenizer:
    """Wrap what `open_clip.get_tokenizer` returned."""
    from open_clip.tokenizer import SimpleTokenizer

    if isinstance(tokenizer, SimpleTokenizer):
        return SimpleTextTokenizer(tokenizer, context_length)
    return HubTextTokenizer(tokenizer, context_length)
