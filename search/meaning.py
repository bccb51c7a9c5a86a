"""What a query means to the model: one embedding, and what no hit may show.

Parts are added up by weight, but for two things that a sum of embeddings does badly: a change of
one attribute ("this, but in red": `search.composition`), and what is not wanted ("not floral":
`search.negation`). Both are read from plain English unless the query is `literal`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.composition import Change, Composer, read_changes
from search.composition.texts import embed_known
from search.encoders.base import Embeddings, Encoder
from search.errors import InvalidQueryError
from search.negation import NEUTRAL, Excluder, Exclusion, read_negation
from search.types import ImagePart, ItemPart, Query, QueryPart, TextPart

Embedding = NDArray[np.float32]
"""`(dim,) float32`, L2-normalised."""

Embed = Callable[[QueryPart], Embeddings]
"""Embeds one part: `(1, dim) float32`, L2-normalised."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query as it is asked of the store.

    `wanted` are the positive parts with their embeddings, as far as they say what is looked for:
    a change of another part is not among them. `notes` tell in words what was read out of texts.
    """

    embedding: Embedding
    exclusion: Exclusion | None
    wanted: tuple[tuple[QueryPart, Embedding], ...]
    notes: tuple[str, ...]


def meaning_of(query: Query, encoder: Encoder, embed: Embed) -> Meaning:
    """Read the query's texts and compose its parts; `embed` embeds one of them.

    Raises:
        InvalidQueryError: the parts cancel each other out, or something is both wanted and
            excluded.
        EmptyQueryError: an excluded phrase is blank.
        Whatever `embed` raises.
    """
    parts, without, notes = _spoken(query)
    exclusion = _exclusion(parts, without, encoder) if without else None
    embedded = [(part, np.asarray(embed(part)[0])) for part in parts]
    change = None if query.literal else _change(parts)
    if change is None:
        embedding, wanted = _sum(embedded), [pair for pair in embedded if pair[0].weight > 0]
    else:
        source, text, changes = change
        sources = [pair for pair in embedded if pair[0] is source]
        weight = text.weight / source.weight
        embedding = Composer(encoder).changed(sources[0][1], text.text, weight)
        wanted, notes = sources, [*notes, _changed_note(text, changes)]
    if exclusion is not None:
        embedding = exclusion.away(embedding)
    return Meaning(embedding, exclusion, tuple(wanted), tuple(notes))


def _spoken(query: Query) -> tuple[list[QueryPart], list[str], list[str]]:
    """The parts without what their texts exclude, all that is excluded, and notes on it."""
    if query.literal:
        return list(query.parts), list(query.without), []
    parts: list[QueryPart] = []
    without, notes = list(query.without), []
    for part in query.parts:
        spoken = (
            read_negation(part.text) if isinstance(part, TextPart) and part.weight > 0 else None
        )
        if spoken is None or not spoken.without:
            parts.append(part)
            continue
        without += spoken.without
        notes.append(_without_note(spoken.wanted, spoken.without))
        if spoken.wanted:
            parts.append(TextPart(spoken.wanted, part.weight))
    return parts or [TextPart(NEUTRAL)], list(dict.fromkeys(without)), notes


def _exclusion(parts: Sequence[QueryPart], without: Sequence[str], encoder: Encoder) -> Exclusion:
    texts = [p.text for p in parts if isinstance(p, TextPart) and p.weight > 0]
    return Excluder(_Remembering(encoder)).exclusion(
        " ".join(text for text in texts if text != NEUTRAL), without
    )


def _change(parts: Sequence[QueryPart]) -> tuple[QueryPart, TextPart, Sequence[Change]] | None:
    """The part that changes, the text that says how, and the changes; None if that is not it."""
    if len(parts) != 2 or any(part.weight < 0 for part in parts):
        return None
    texts = [part for part in parts if isinstance(part, TextPart)]
    sources = [part for part in parts if isinstance(part, ImagePart | ItemPart)]
    if not texts or not sources:
        return None
    changes = read_changes(texts[0].text)
    return (sources[0], texts[0], changes) if changes else None


def _sum(embedded: Sequence[tuple[QueryPart, Embedding]]) -> Embedding:
    """Each part's embedding times its weight, added up, `(dim,) float32`, L2-normalised."""
    weights = np.array([part.weight for part, _ in embedded], dtype=np.float32)
    total = weights @ np.stack([embedding for _, embedding in embedded])
    norm = float(np.linalg.norm(total))
    if norm < 1e-6:
        raise InvalidQueryError(
            "The parts of the query cancel each other out.", hint="Change their weights."
        )
    return np.asarray(total / norm, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class _Remembering:
    """Texts that exclusions are judged by: few, and the same for many queries."""

    encoder: Encoder

    @property
    def dim(self) -> int:
        return self.encoder.dim

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        return embed_known(self.encoder, texts)


def _without_note(wanted: str, without: Sequence[str]) -> str:
    read = f"{wanted!r} without " if wanted else "anything without "
    listed = " and ".join(repr(phrase) for phrase in without)
    return f'Read as {read}{listed}. Put a text into "quotes" to have it taken as it stands.'


def _changed_note(text: TextPart, changes: Sequence[Change]) -> str:
    listed = ", ".join(f"{change.attribute} {change.value}" for change in changes)
    return f"Read {text.text!r} as a change: {listed}."
