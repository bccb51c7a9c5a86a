"""What a query means to the model: one embedding, and what no hit may show.

Parts are added up by weight, but for two things that a sum of embeddings does badly: a change of
one attribute ("this, but in red": `search.composition`), and what is not wanted ("not floral":
`search.negation`). Both are read from plain English unless the query is `literal`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from search.composition import Change, Composer, read_changes, says_nothing
from search.encoders.base import Embeddings, Encoder
from search.encoders.known_texts import embed_known
from search.errors import InvalidQueryError
from search.negation import NEUTRAL, Excluder, Exclusion, read_negation
from search.types import MAX_WITHOUT, ImagePart, ItemPart, Query, QueryPart, TextPart

Embedding = NDArray[np.float32]
"""`(dim,) float32`, L2-normalised."""

Embed = Callable[[QueryPart], Embeddings]
"""Embeds one part: `(1, dim) float32`, L2-normalised."""


_ANYTHING = TextPart(NEUTRAL)
"""What is searched with when a query only says what is not wanted."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A query as it is asked of the store.

    `wanted` are the positive parts with their embeddings, as far as they say what is looked for:
    a change of another part is not among them, and of "not red" there are none. `notes` tell in
    words what was read out of texts.

    `parts` are all of them with their embeddings. Their sum is the embedding before anything was
    excluded, unless a text changed the one part that there is: `change` is then the text, and what
    the part became. `without` are the phrases that are excluded.
    """

    embedding: Embedding
    exclusion: Exclusion | None
    wanted: tuple[tuple[QueryPart, Embedding], ...]
    notes: tuple[str, ...]
    parts: tuple[tuple[QueryPart, Embedding], ...] = ()
    change: tuple[str, Embedding] | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Changed:
    """An image or item, the text that says how it differs, and what that names."""

    source: ImagePart | ItemPart
    text: TextPart
    changes: Sequence[Change]


def meaning_of(query: Query, encoder: Encoder, embed: Embed) -> Meaning:
    """Read the query's texts and compose its parts; `embed` embeds one of them.

    Raises:
        InvalidQueryError: the parts cancel each other out, something is both wanted and excluded,
            or texts exclude more than `MAX_WITHOUT` phrases.
        EmptyQueryError: an excluded phrase is blank.
        Whatever `embed` raises.
    """
    parts, without, notes = _spoken(query)
    changed = None if query.literal or _is_quoted(query.parts) else _changed(parts)
    if changed is None:
        embedded = [(part, np.asarray(embed(part)[0])) for part in parts]
        embedding = _sum(embedded)
    else:
        embedded = [(changed.source, np.asarray(embed(changed.source)[0]))]
        weight = changed.text.weight / changed.source.weight
        embedding = Composer(encoder).changed(embedded[0][1], changed.changes, weight)
        notes = [*notes, _changed_note(changed)]
    change = (changed.text.text, embedding) if changed is not None else None
    exclusion = None
    if without:
        wanted = [part.text for part, _ in embedded if _wants_words(part)]
        exclusion = Excluder(_Remembering(encoder)).exclusion(" ".join(wanted), without)
        embedding = exclusion.away(embedding)
    kept = tuple(pair for pair in embedded if pair[0].weight > 0 and pair[0] != _ANYTHING)
    return Meaning(
        embedding,
        exclusion,
        kept,
        tuple(notes),
        parts=tuple(embedded),
        change=change,
        without=tuple(without),
    )


def _wants_words(part: QueryPart) -> TypeGuard[TextPart]:
    return isinstance(part, TextPart) and part.weight > 0 and part != _ANYTHING


def _spoken(query: Query) -> tuple[list[QueryPart], list[str], list[str]]:
    """The parts without what their texts exclude, all that is excluded, and notes on it."""
    if query.literal or (_changed(query.parts) and not _is_quoted(query.parts)):
        return list(query.parts), list(query.without), []
    pictures = any(not isinstance(part, TextPart) and part.weight > 0 for part in query.parts)
    parts: list[QueryPart] = []
    without, notes = list(query.without), list[str]()
    for part in query.parts:
        if not isinstance(part, TextPart) or part.weight < 0:
            parts.append(part)
            continue
        spoken = read_negation(part.text)
        if spoken.without:
            without += spoken.without
            notes.append(_without_note(spoken.wanted, spoken.without))
        if spoken.wanted and not (pictures and says_nothing(spoken.wanted)):
            parts.append(TextPart(_unquoted(spoken.wanted), part.weight))
    if notes and not any(part.weight > 0 for part in parts):
        parts.append(_ANYTHING)
    return parts, _few(list(dict.fromkeys(without))), notes


def _few(phrases: list[str]) -> list[str]:
    if len(phrases) > MAX_WITHOUT:
        raise InvalidQueryError(
            f"The query excludes {len(phrases)} phrases.",
            hint=f"Exclude at most {MAX_WITHOUT}, or have its texts taken literally.",
        )
    return phrases


def _changed(parts: Sequence[QueryPart]) -> _Changed | None:
    """What changes, and how; None if the parts are anything else than a picture and a change."""
    if len(parts) != 2 or any(part.weight < 0 for part in parts):
        return None
    texts = [part for part in parts if isinstance(part, TextPart)]
    sources = [part for part in parts if isinstance(part, ImagePart | ItemPart)]
    if not texts or not sources:
        return None
    changes = read_changes(texts[0].text)
    return _Changed(sources[0], texts[0], changes) if changes else None


def _is_quoted(parts: Sequence[QueryPart]) -> bool:
    """Whether a text is in quotes, so that no change is read out of it."""
    return any(isinstance(part, TextPart) and '"' in part.text for part in parts)


def _unquoted(text: str) -> str:
    """The text without the quotes that kept it from being read."""
    return " ".join(text.replace('"', " ").split()) or text if '"' in text else text


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


def _changed_note(changed: _Changed) -> str:
    listed = ", ".join(f"{change.attribute} {change.value}" for change in changed.changes)
    said = changed.text.text
    return f'Read {said!r} as a change: {listed}. Put it into "quotes" to have it added instead.'
