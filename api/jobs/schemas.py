"""Jobs over the wire: what is asked, and what is said of them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from search.errors import InvalidQueryError
from search.types import FieldType

Kind = Literal["index", "reindex"]
State = Literal["running", "done", "failed", "cancelled", "interrupted"]

ALIAS = r"^[A-Za-z_][A-Za-z0-9_]{0,199}$"
Alias = Annotated[str, Field(pattern=ALIAS, description="Alias of a collection.")]
Name = Annotated[str, Field(min_length=1, max_length=1_000)]

MOST_COLUMNS = 1_000


class ColumnsBody(BaseModel):
    """Which columns of the catalogue are what; what is not said is found by its name."""

    model_config = ConfigDict(extra="forbid")

    id: Name | None = None
    image: list[Name] = Field([], max_length=100)
    title: Name | None = None
    product_id: Name | None = None


class JobOptions(BaseModel):
    """The options of `vitrine index` and `vitrine reindex`."""

    model_config = ConfigDict(extra="forbid")

    model: Name | None = Field(None, description="Default: the collection's own, else mini.")
    columns: ColumnsBody = ColumnsBody()
    types: dict[str, FieldType] = Field({}, max_length=MOST_COLUMNS)
    regions: Name | None = Field(None, examples=["2x2"])
    batch_size: int | None = Field(None, ge=1, le=4096)
    max_failed_share: float | None = Field(None, ge=0, le=1)
    delete_missing: bool = Field(False, description="Index only: remove what the catalogue lost.")
    delete_anyway: bool = Field(False, description="Index only: however many that are.")
    sample: int = Field(100, ge=1, le=10_000, description="Reindex only, as all that follows.")
    margin: float = Field(0.02, ge=0, le=1)
    keep: int = Field(2, ge=1, le=100, description="Versions that stay, the live one counted.")
    switch: bool = True
    force: bool = Field(False, description="Switch although the verification failed.")
    fresh: bool = Field(False, description="Drop the unfinished version and begin another.")


_OF_INDEX = {"delete_missing", "delete_anyway"}
_OF_REINDEX = {"sample", "margin", "keep", "switch", "force", "fresh"}


class JobBody(BaseModel):
    """A job to start."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"kind": "index", "source": "/srv/catalogues/products.csv"},
                {
                    "kind": "index",
                    "source": "s3://shop/items.parquet",
                    "options": {"columns": {"id": "sku"}, "types": {"size": "string"}},
                },
                {"kind": "reindex", "options": {"model": "vit-b-32"}},
            ]
        },
    )

    kind: Kind
    source: str | None = Field(
        None,
        min_length=1,
        max_length=4_000,
        description="The catalogue: an absolute path on the service's machine or an address, below "
        "one of VITRINE_JOB_SOURCES. A reindex without one reads what the last run read.",
    )
    collection: Alias | None = Field(None, description="Default: the one that is served.")
    options: JobOptions = JobOptions()

    @field_validator("source")
    @classmethod
    def _is_text(cls, source: str | None) -> str | None:
        if source is not None and not source.isprintable():
            raise ValueError("a path or an address has no such characters")
        return source

    def check(self) -> None:
        """InvalidQueryError for an index without a source, or options of the other kind."""
        if self.kind == "index" and self.source is None:
            raise InvalidQueryError("There is nothing to index.", hint="Give a source.")
        foreign = _OF_REINDEX if self.kind == "index" else _OF_INDEX
        if said := sorted(self.options.model_fields_set & foreign):
            raise InvalidQueryError(
                f"A job of kind {self.kind} has no {', '.join(said)}.", hint="Leave it out."
            )


class StagesOut(BaseModel):
    """Rows that have come through each stage so far."""

    read: int = 0
    fetch: int = 0
    decode: int = 0
    encode: int = 0
    stage: int = 0
    store: int = 0


class JobProgressOut(BaseModel):
    """How far a job is: rows done, failed ones among them, of about `total`."""

    done: int = 0
    total: int = 0
    embedded: int = 0
    failed: int = 0
    seconds: float = 0.0
    rows_per_s: float = 0.0
    eta_s: float | None = Field(None, description="Null as long as nothing is done.")
    stages: StagesOut = StagesOut()


class FailureOut(BaseModel):
    """A row that was left out."""

    row: int
    id: str | None
    image: str | None
    code: str
    reason: str
    hint: str
    times: int = 1


class LeftOutRow(FailureOut):
    """A row that was left out, and where a picture of it is."""

    thumbnail_url: str | None = Field(
        None,
        description="A picture of the item, as the collection has it from before; where it does "
        "not have the item, the row's own, if it names an image below VITRINE_JOB_SOURCES or on "
        "the web; else null. An image that cannot be read gets 404.",
    )


class CheckOut(BaseModel):
    """One check of a new version."""

    name: str
    passed: bool
    live: float | None
    new: float | None
    wanted: str
    reason: str | None


class RolloutOut(BaseModel):
    """What became of a new version."""

    live_before: str
    new: str
    switched: bool
    dropped: list[str]
    checks: list[CheckOut]


class JobReportOut(BaseModel):
    """What a job did, in rows of the catalogue."""

    folder: str = Field(description="The run's folder on the service's machine.")
    collection: str
    model: str
    indexed: int
    updated: int
    columns_updated: int
    unchanged: int
    failed: int
    failed_by_code: dict[str, int]
    reused: int
    missing: int
    deleted: int
    seconds: float
    stage_seconds: dict[str, float]
    notices: list[str]
    resumed: list[str]
    failures: list[FailureOut] = Field(description="The first few.")
    rollout: RolloutOut | None = Field(None, description="Of a reindex.")


class JobErrorOut(BaseModel):
    """Why a job failed."""

    code: str
    message: str
    details: dict[str, Any] = {}


_JOB_EXAMPLE: dict[str, JsonValue] = {
    "id": "20261121T201500.123Z-products",
    "kind": "index",
    "state": "running",
    "source": "/srv/catalogues/products.csv",
    "collection": "products",
    "doing": "Indexing",
    "started": "2026-11-21T20:15:00.123000Z",
    "ended": None,
    "progress": {
        "done": 120,
        "total": 400,
        "embedded": 112,
        "failed": 0,
        "seconds": 1.9,
        "rows_per_s": 63.2,
        "eta_s": 4.4,
        "stages": {
            "read": 192,
            "fetch": 180,
            "decode": 144,
            "encode": 128,
            "stage": 112,
            "store": 112,
        },
    },
    "error": None,
    "report": None,
    "can_resume": False,
    "revision": 7,
}


class JobOut(BaseModel):
    """A job, or a run of the command line with the same job folder (kind `run`)."""

    model_config = ConfigDict(json_schema_extra={"examples": [_JOB_EXAMPLE]})

    id: str
    kind: Literal["index", "reindex", "run"]
    state: State = Field(
        description="`interrupted`: by the service's end, or killed. As `cancelled` and `failed` "
        "ones, it can be resumed."
    )
    source: str | None
    collection: str
    doing: str = Field("", description="What it does now, in a few words.")
    started: datetime
    ended: datetime | None = None
    progress: JobProgressOut = JobProgressOut()
    error: JobErrorOut | None = None
    report: JobReportOut | None = Field(None, description="Once it is done.")
    can_resume: bool = False
    revision: int = Field(0, description="Rises with every change: the id of its event.")


class JobsOut(BaseModel):
    """A page of jobs, newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"jobs": [_JOB_EXAMPLE], "limit": 20, "offset": 0, "total": 1}]
        }
    )

    jobs: list[JobOut]
    limit: int
    offset: int
    total: int


class FailuresOut(BaseModel):
    """A page of the rows that a job left out, in the order of the catalogue's reading."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "failures": [
                        {
                            "row": 17,
                            "id": "v0016",
                            "image": "images/v0016.png",
                            "code": "wrong_type",
                            "reason": "Column 'price' has 'n/a', which is not a float.",
                            "hint": "Correct the value in the catalogue.",
                            "times": 1,
                            "thumbnail_url": "/v1/jobs/20261121T201500.123Z-products/failures/17/"
                            "image?size=400&item=v0016",
                        }
                    ],
                    "limit": 50,
                    "offset": 0,
                    "total": 1,
                }
            ]
        }
    )

    failures: list[LeftOutRow]
    limit: int
    offset: int
    total: int


class RollbackBody(BaseModel):
    """Which version to go to."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}, {"to": 3}]})

    to: int | None = Field(None, ge=1, le=2**31, description="Default: the version before.")


class RolledBackOut(BaseModel):
    """Where the alias leads to now."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "alias": "products",
                    "live_before": "products__v2",
                    "live": "products__v1",
                    "model": "mini",
                    "items": 400,
                    "took_ms": 3.1,
                }
            ]
        }
    )

    alias: str
    live_before: str
    live: str
    model: str
    items: int
    took_ms: float
