"""Labels for a whole collection, from the embeddings that it has."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from search.encoders.base import Embeddings, Encoder
from search.labelling.attributes import Attribute
from search.labelling.calibrating import Calibration, calibrate
from search.labelling.comparing import Agreement, Disagreement
from search.labelling.labeller import Labeller
from search.labelling.sampling import sampled
from search.regions import is_part
from search.store.base import CollectionSpec, Entity, Store
from search.switching import check_model
from search.types import Item


@dataclass(frozen=True, slots=True)
class Tagging:
    """An attribute that is to be found out, and the column to compare it with, if there is one."""

    attribute: Attribute
    column: str | None = None


@dataclass(frozen=True, slots=True)
class Tag:
    """The value of an attribute that fits an item best; `confidence` is 0 to 1."""

    id: str
    attribute: str
    value: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Tagged:
    """What came of one tagging; `agreement` is None where there was no column."""

    tagging: Tagging
    calibration: Calibration
    agreement: Agreement | None


def tag_collection(
    store: Store,
    name: str,
    encoder: Encoder,
    taggings: Sequence[Tagging],
    *,
    on_tags: Callable[[Sequence[Tag]], None] = lambda tags: None,
    on_done: Callable[[int], None] = lambda done: None,
) -> list[Tagged]:
    """Read a collection once and find every attribute of every item.

    `on_tags` gets the tags of a batch: item by item in no promised order, each item's in the order
    of `taggings`. `on_done` hears how many entities are done, regions of pictures among them.
    Memory is bounded. No picture is read, nothing is written.

    Raises:
        CollectionNotFoundError: no such collection or alias.
        ModelMismatchError: the encoder is of another model than the collection.
    """
    spec = store.resolve(name)
    check_model(spec, encoder)
    labeller = Labeller(encoder)
    started = [
        Tagged(tagging, calibration, _agreement(tagging))
        for tagging, calibration in zip(taggings, _calibrations(store, spec, labeller, taggings))
    ]
    done = 0
    for stored in store.scan(spec.name, embeddings=True):
        # Tags are of items: parts of their pictures have none of their own.
        if batch := [entity for entity in stored if not is_part(entity.item)]:
            on_tags(_tags_of(batch, labeller, started))
        done += len(stored)
        on_done(done)
    return started


def _agreement(tagging: Tagging) -> Agreement | None:
    return Agreement(tagging.attribute.name, tagging.column) if tagging.column else None


def _tags_of(batch: Sequence[Entity], labeller: Labeller, started: Sequence[Tagged]) -> list[Tag]:
    embeddings = np.stack([entity.embedding for entity in batch])
    columns = [list(_tags(batch, embeddings, labeller, one)) for one in started]
    return [tag for row in zip(*columns) for tag in row]


def _tags(
    batch: Sequence[Entity], embeddings: Embeddings, labeller: Labeller, one: Tagged
) -> Iterator[Tag]:
    attribute = one.tagging.attribute
    sure = one.calibration.log_confidences(labeller.cosines(attribute, embeddings))
    for entity, row in zip(batch, sure):
        best = int(row.argmax())
        if one.agreement is not None:
            _compare(entity.item, row, one.tagging, one.agreement)
        value = attribute.values[best]
        yield Tag(entity.item.id, attribute.name, value, float(np.exp(row[best])))


def _compare(item: Item, sure: NDArray[np.float64], tagging: Tagging, agreement: Agreement) -> None:
    attribute = tagging.attribute
    said = said_of(item, tagging.column)
    if not said:
        agreement.empty += 1
        return
    own = attribute.value_of(said)
    if own is None:
        agreement.unknown += 1
        return
    at, best = attribute.values.index(own), int(sure.argmax())
    agreement.add(None if at == best else _disagreement(item, attribute, sure, at, best))


def _disagreement(
    item: Item, attribute: Attribute, sure: NDArray[np.float64], at: int, best: int
) -> Disagreement:
    return Disagreement(
        id=item.id,
        title=item.title,
        image=item.image,
        attribute=attribute.name,
        catalogue=attribute.values[at],
        seen=attribute.values[best],
        confidence=float(np.exp(sure[best])),
        own=float(np.exp(sure[at])),
        clearness=float(sure[best] - sure[at]),
    )


def said_of(item: Item, column: str | None) -> str:
    """What the item says in the column, or an empty text."""
    value = item.fields.get(column) if column else None
    return value.strip() if isinstance(value, str) else ""


def _calibrations(
    store: Store, collection: CollectionSpec, labeller: Labeller, taggings: Sequence[Tagging]
) -> list[Calibration]:
    if not any(tagging.column for tagging in taggings):
        return [Calibration() for _ in taggings]
    items, sample = sampled(store, collection)
    if not items:
        return [Calibration() for _ in taggings]
    return [_calibration(labeller, tagging, sample, items) for tagging in taggings]


def _calibration(
    labeller: Labeller, tagging: Tagging, sample: Embeddings, items: Sequence[Item]
) -> Calibration:
    if not tagging.column:
        return Calibration()
    numbers = {value: number for number, value in enumerate(tagging.attribute.values)}
    owns = (tagging.attribute.value_of(said_of(item, tagging.column)) for item in items)
    codes = np.array([-1 if own is None else numbers[own] for own in owns], np.int64)
    return calibrate(labeller.cosines(tagging.attribute, sample), codes)
