"""What each part of a query gave to a hit's score.

A query becomes one embedding, the sum of its parts times their weights, normalised; a hit's score
is the dot product of that with the item's embedding. So the score is itself a sum, of one term for
each part. What a change ("in red") or an exclusion did to the sum is one term more: the vector by
which it moved the embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from search.meaning import Meaning
from search.regions import region_id
from search.store.base import Store
from search.types import Contribution, Hit, ImagePart, ItemPart, QueryPart, TextPart

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Share:
    """A term of a query's embedding: `(dim,) float32`, and what it stands for."""

    kind: str
    said: str
    vector: Vector


def explained(
    hits: Sequence[Hit], meaning: Meaning, store: Store, collection: str
) -> tuple[Hit, ...]:
    """The hits with what each part of the query gave, in the order of the parts.

    What words in texts, a second stage and boosts gave comes after the parts, so that all of it
    adds up to what the hit is ranked by. A hit whose item was deleted meanwhile has none.
    """
    shares = shares_of(meaning)
    found_by = [hit.id if hit.region is None else region_id(hit.id, hit.region) for hit in hits]
    ids, embeddings = store.embeddings(collection, found_by)
    known = dict(zip(ids, embeddings))
    return tuple(
        replace(hit, contributions=_contributions(hit, known[id], shares)) if id in known else hit
        for hit, id in zip(hits, found_by)
    )


def shares_of(meaning: Meaning) -> tuple[Share, ...]:
    """The terms whose sum is the query's embedding, in the order of the parts.

    A change is what it moved the embedding by, beside as much of the source as is left in it. An
    exclusion turns the embedding away from something: the terms before it are scaled to what is
    left of them in the direction that they had, and the rest is the exclusion's own.
    """
    shares, before = _composed(meaning)
    if not meaning.without:
        return shares
    kept = float(before @ meaning.embedding)
    turned = np.asarray(meaning.embedding - kept * before)
    scaled = [replace(each, vector=np.asarray(kept * each.vector)) for each in shares]
    return (*scaled, Share("without", ", ".join(meaning.without), turned))


def _composed(meaning: Meaning) -> tuple[tuple[Share, ...], Vector]:
    """The terms before anything was excluded, and their sum."""
    if meaning.change is not None:
        [(part, source)] = meaning.parts
        text, before = meaning.change
        along = np.asarray(float(before @ source) * source)
        return (_share(part, along), Share("change", text, np.asarray(before - along))), before
    terms = [part.weight * embedding for part, embedding in meaning.parts]
    total = np.sum(terms, axis=0)
    norm = float(np.linalg.norm(total))
    shares = (_share(part, term / norm) for (part, _), term in zip(meaning.parts, terms))
    return tuple(shares), np.asarray(total / norm)


def _contributions(
    hit: Hit, embedding: Vector, shares: Sequence[Share]
) -> tuple[Contribution, ...]:
    terms = [Contribution(each.kind, each.said, float(each.vector @ embedding)) for each in shares]
    if hit.fused is not None:
        terms.append(Contribution("words", "", hit.fused - hit.score))
    # One of which the reranker says nothing is moved all the same, as the others are stretched.
    terms += [Contribution("rerank", "", hit.lift)] if hit.lift or hit.rerank is not None else []
    terms += [Contribution("boost", "", hit.boost)] if hit.boost else []
    return tuple(terms)


def _share(part: QueryPart, vector: Vector) -> Share:
    match part:
        case TextPart(text=text):
            return Share("text", text, vector)
        case ImagePart(image=image):
            return Share("image", "" if isinstance(image, bytes) else image.name, vector)
        case ItemPart(id=id):
            return Share("item", id, vector)
