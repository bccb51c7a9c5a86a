"""What an operator is told of collections: their versions, and how good their answers were."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.schemas import BehindOut, ModelOut

_VERSIONS: dict[str, JsonValue] = {
    "answers": "products__v2",
    "reason": None,
    "behind": None,
    "collections": [
        {
            "alias": "products",
            "served": True,
            "versions": [
                {
                    "name": "products__v2",
                    "number": 2,
                    "live": True,
                    "items": 412,
                    "model": {"name": "mini", "fingerprint": "9f8ad21c", "dim": 256},
                    "vector_bytes": 421888,
                    "disk_bytes": 1204224,
                    "indexed": "2026-11-21T20:15:00Z",
                },
                {
                    "name": "products__v1",
                    "number": 1,
                    "live": False,
                    "items": 400,
                    "model": {"name": "mini", "fingerprint": "9f8ad21c", "dim": 256},
                    "vector_bytes": 409600,
                    "disk_bytes": 1187840,
                    "indexed": None,
                },
            ],
        }
    ],
}
_METRICS: dict[str, JsonValue] = {
    "queries": 60,
    "recall_1": 0.21,
    "recall_5": 0.62,
    "recall_10": 0.81,
    "precision_5": 0.7,
    "precision_10": 0.58,
    "ndcg_10": 0.84,
    "mrr": 0.91,
    "map": 0.73,
}
_EVALUATIONS: dict[str, JsonValue] = {
    "alias": "products",
    "evaluations": [
        {
            "collection": "products__v2",
            "live": True,
            "model": "mini",
            "items": 412,
            "measured": "2026-11-21T20:40:00Z",
            "queries": "queries.jsonl",
            "settings": {},
            "depth": 100,
            "unanswered": 1,
            "overall": _METRICS,
            "by_kind": {"text": _METRICS},
            "by_group": {},
            "slices": [
                {
                    "column": "colour",
                    "value": "navy",
                    "queries": 12,
                    "ndcg_10": 0.55,
                    "low": 0.41,
                    "high": 0.69,
                    "rest": 0.9,
                    "p_value": 0.004,
                    "lags": True,
                }
            ],
        }
    ],
}


class VersionOut(BaseModel):
    """One version of a collection."""

    name: str
    number: int | None = Field(description="Null for a collection that is no version of an alias.")
    live: bool = Field(description="Whether the alias leads to it.")
    items: int
    model: ModelOut
    vector_bytes: int = Field(description="Of the embeddings alone.")
    disk_bytes: int | None = Field(description="Of its folder; null unless embedded.")
    indexed: datetime | None = Field(
        description="When the newest run that wrote into it ended well, as far as the folders of "
        "jobs tell."
    )


class VersionsOut(BaseModel):
    """The versions of one alias, newest first."""

    alias: str
    served: bool = Field(description="Whether this service searches it.")
    versions: list[VersionOut]


class AllVersionsOut(BaseModel):
    """All collections, the one that is served first, and what the service answers from."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSIONS]})

    answers: str | None = Field(description="The version that queries are answered from now.")
    reason: str | None = Field(description="Why there is none.")
    behind: BehindOut | None = Field(
        description="Set while an earlier version than the live one answers."
    )
    collections: list[VersionsOut]


class MetricsOut(BaseModel):
    """Means over queries, each between 0 and 1, higher is better."""

    queries: int
    recall_1: float
    recall_5: float
    recall_10: float
    precision_5: float
    precision_10: float
    ndcg_10: float
    mrr: float
    map: float


class SliceOut(BaseModel):
    """The queries of one value of a column: their nDCG@10, and that of all others (`rest`)."""

    column: str
    value: str
    queries: int
    ndcg_10: float
    low: float = Field(description="Of the 95 % interval, as `high`.")
    high: float
    rest: float | None
    p_value: float
    lags: bool = Field(description="Whether they are answered worse than by chance.")


class EvaluationOut(BaseModel):
    """What `vitrine eval --save` measured last of one version."""

    collection: str
    live: bool
    model: str
    items: int = Field(description="How many the version had then.")
    measured: datetime
    queries: str = Field(description="The name of the file that they are from.")
    settings: dict[str, str | int | float | bool | None] = Field(
        description="What every query was given beside its own."
    )
    depth: int
    unanswered: int = Field(description="Queries without a right answer in the first `depth`.")
    overall: MetricsOut
    by_kind: dict[str, MetricsOut]
    by_group: dict[str, MetricsOut]
    slices: list[SliceOut] = Field(description="Worst first.")


class EvaluationsOut(BaseModel):
    """What was measured of an alias's versions, newest version first."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EVALUATIONS]})

    alias: str
    evaluations: list[EvaluationOut]
