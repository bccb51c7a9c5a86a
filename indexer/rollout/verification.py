"""Whether a new version may take over from the live one: checks, both sides beside each other."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from search.encoders.base import Embeddings, Encoder
from search.engine import SearchEngine
from search.errors import VitrineError
from search.evaluation import EvalQuery, Qrels, check_answers, evaluate, load_qrels, load_queries
from search.images import ImageLimits
from search.store.base import CollectionInfo, SearchRequest, Store
from search.types import Field

MIN_FINDING_SHARE = 0.98
"""Least share of a sample that must find itself: an approximate index may miss one of many."""

MAX_GONE_SHARE = 0.2
"""Largest share of the live version's items by which the new one may be smaller."""

TOLERANCE = 1e-3
"""How far a stored embedding's norm, and its score with itself, may be from 1."""


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What is verified, and how strictly.

    `sample` items are drawn with `seed`. With `queries` and `qrels` (files as `vitrine eval` reads
    them) nDCG@10 may fall by `margin` at most.
    """

    sample: int = 100
    seed: int = 0
    margin: float = 0.02
    queries: Path | None = None
    qrels: Path | None = None
    limits: ImageLimits = field(default_factory=ImageLimits)


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its value on either side (None where it has none), and why it failed, if so."""

    name: str
    live: float | None
    new: float | None
    wanted: str
    reason: str | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against the new version."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of a new version."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check was."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, object]:
        """The same as plain data, for programs."""
        checks = [{**asdict(check), "passed": check.passed} for check in self.checks]
        return {"passed": self.passed, "checks": checks}


@dataclass(frozen=True, slots=True)
class Side:
    """A collection, and how to get the encoder of its model."""

    info: CollectionInfo
    encoder: Callable[[], Encoder]


@dataclass(frozen=True, slots=True)
class _Sample:
    """What a sample of a collection says: its size, and two shares of it (0..1)."""

    size: int
    sound: float
    finding: float


def load_evaluation(
    options: VerifyOptions, fields: Sequence[Field]
) -> tuple[Sequence[EvalQuery], Qrels] | None:
    """The queries and right answers, checked against each other; None if none were given.

    `fields` are those that filters in text form may name. Raises EvaluationError.
    """
    if options.queries is None or options.qrels is None:
        return None
    queries, qrels = load_queries(options.queries, fields=fields), load_qrels(options.qrels)
    check_answers(queries, qrels)
    return queries, qrels


def verify(
    store: Store, live: Side, new: Side, *, indexed: int, failed: int, options: VerifyOptions
) -> Verification:
    """Compare a new version with the live one.

    `indexed` rows of the catalogue should be in the new version, `failed` ones could not be.

    Raises:
        EvaluationError: queries and qrels cannot be read.
        StoreUnavailableError, StoreError: from the store.
    """
    checks = [
        _items(live.info, new.info, indexed, failed),
        _gone(live.info, new.info, failed),
        *_samples(store, live.info, new.info, options),
    ]
    if options.queries is not None and options.qrels is not None:
        checks.append(_quality(store, live, new, options))
    return Verification(tuple(checks))


def written_meanwhile(live: str, jobs: Sequence[Path]) -> Check:
    """That all that changed the live version while the new one was built is in both.

    `jobs` changed it from something else than the catalogue that the new one is built from.
    """
    reason = None
    if jobs:
        names = ", ".join(job.name for job in jobs)
        reason = (
            f"{live} was changed meanwhile by {names}, from something else than this catalogue. If "
            "the catalogue has it by now, run the same command again; else also run that again "
            "after the switch"
        )
    return Check("jobs beside", len(jobs), 0, "none from elsewhere", reason)


def _items(live: CollectionInfo, new: CollectionInfo, indexed: int, failed: int) -> Check:
    reason = None
    # A row that failed now may have been stored by an attempt before.
    if not indexed <= new.count <= indexed + failed:
        reason = f"the catalogue gave {indexed:,} items, and the new version has {new.count:,}"
    return Check("items", live.count, new.count, f"{indexed:,}, as the catalogue", reason)


def _gone(live: CollectionInfo, new: CollectionInfo, failed: int) -> Check:
    least = live.count * (1 - MAX_GONE_SHARE)
    reason = None
    if new.count + failed < least:
        reason = (
            f"it would take more than {MAX_GONE_SHARE:.0%} of the items away; "
            "is it the right catalogue?"
        )
    elif new.count < least:
        reason = f"{failed:,} rows failed: too many of the items would be missing"
    return Check("share of items", 1.0, _share(new.count, live.count), "0.8 or more", reason)


def _samples(
    store: Store, live: CollectionInfo, new: CollectionInfo, options: VerifyOptions
) -> Iterator[Check]:
    before, now = (_sampled(store, info.name, options) for info in (live, new))
    reason = None
    if now.sound < 1:
        reason = f"of {now.size} embeddings {1 - now.sound:.1%} are not finite or not of norm 1"
    yield Check("sound embeddings", before.sound, now.sound, "1", reason)
    reason = None
    if now.finding < MIN_FINDING_SHARE:
        reason = f"of {now.size} items {1 - now.finding:.1%} do not come first for their own"
    yield Check(
        "items that find themselves", before.finding, now.finding, f"{MIN_FINDING_SHARE}", reason
    )


def _sampled(store: Store, name: str, options: VerifyOptions) -> _Sample:
    ids = sampled(store.scan_ids(name), options.sample, options.seed)
    found, embeddings = store.embeddings(name, ids)
    if not found:
        return _Sample(0, 1.0, 1.0)
    sound = _sound(embeddings)
    finding = [
        _finds_itself(store, name, id, embedding)
        for id, embedding, is_sound in zip(found, embeddings, sound, strict=True)
        if is_sound
    ]
    size = len(found)
    return _Sample(size, sum(sound) / size, sum(finding) / size)


def sampled(ids: Iterable[str], size: int, seed: int) -> list[str]:
    """`size` of the ids, each as likely as any other, in one pass that holds no more than them."""
    random_of = random.Random(seed)
    kept: list[str] = []
    for seen, id in enumerate(ids, start=1):
        if len(kept) < size:
            kept.append(id)
        elif (place := random_of.randrange(seen)) < size:
            kept[place] = id
    return kept


def _sound(embeddings: Embeddings) -> list[bool]:
    norms = np.linalg.norm(embeddings.astype(np.float64), axis=1)
    return [bool(one) for one in np.isfinite(norms) & (np.abs(norms - 1) <= TOLERANCE)]


def _finds_itself(store: Store, name: str, id: str, embedding: Embeddings) -> bool:
    """First, or behind others with the very same picture."""
    hits = store.search(name, SearchRequest(embedding=embedding, limit=1))
    return bool(hits) and (hits[0].id == id or hits[0].score >= 1 - TOLERANCE)


def _quality(store: Store, live: Side, new: Side, options: VerifyOptions) -> Check:
    before, why_before = _ndcg(store, live, (live, new), options)
    now, why_now = _ndcg(store, new, (live, new), options)
    reason = None
    if before is None or now is None:
        reason = "; ".join(why for why in (why_before, why_now) if why)
    elif now < before - options.margin:
        reason = f"it is {before - now:.3f} lower; {options.margin} lower would have been allowed"
    return Check("nDCG@10", before, now, f"live - {options.margin} or more", reason)


def _ndcg(
    store: Store, side: Side, sides: Sequence[Side], options: VerifyOptions
) -> tuple[float | None, str | None]:
    """The mean nDCG@10 of one side with its own model, or why it cannot be measured."""
    try:
        asked = load_evaluation(options, side.info.fields)
        assert asked is not None
        engine = SearchEngine(store, side.encoder(), side.info.name, options.limits)
        result = evaluate(engine, *asked, existing=lambda ids: _on_either(store, sides, ids))
    # Whatever it is, nothing has been switched yet, and the new version is kept: so it is told.
    except VitrineError as error:
        return None, f"{side.info.name} cannot be measured: {error.message}"
    return result.overall.ndcg_10, None


def _on_either(store: Store, sides: Sequence[Side], ids: Sequence[str]) -> list[str]:
    """What the catalogue has gained or lost lately is no mistake of the qrels."""
    return [id for side in sides for id in store.get(side.info.name, ids)]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
