"""Options that several commands share, each written once, and the settings they make."""

import difflib
import os
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from search.config import Settings
from search.errors import ConfigError

COLUMNS = "The catalogue's columns"
RUN = "The run"
ORDER = "The order of the results"
COUNTS = "What is counted"
OWN = "Compared with the item itself"
"""Titles of the groups that a long list of options falls into."""

Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        help="Path of an embedded database, or a Milvus URL. (env: VITRINE_DB; default: "
        ".vitrine/vitrine.db)",
        show_default=False,
    ),
]
Collection = Annotated[
    str | None,
    typer.Option(
        "--collection",
        "-c",
        help="Collection to use. (env: VITRINE_COLLECTION; default: products)",
        show_default=False,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="Model: mini, an open_clip ARCH/TAG, hf-hub:ORG/NAME or local-dir:PATH. "
        "(default: the collection's own, else mini)",
        show_default=False,
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Ask the service that runs there (vitrine serve), and open no database. (env: "
        "VITRINE_SERVER, and its key in VITRINE_API_KEY)",
        show_default=False,
    ),
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps. (default: auto)"),
]
Limit = Annotated[int, typer.Option("--limit", "-n", help="How many results.")]
Offset = Annotated[int, typer.Option("--offset", help="How many results to leave out first.")]
FilterText = Annotated[
    str | None,
    typer.Option(
        "--filter",
        "-f",
        help="Only items that satisfy it: 'colour=red price<50', 'brand=A,B', 'price:10..50', "
        "'tags:summer', 'title^=Red', 'exists price', 'extra.maker.country=PT', joined by and, or, "
        "not and brackets. All forms: docs/filters.md.",
    ),
]
Crop = Annotated[
    str | None,
    typer.Option(
        "--crop",
        metavar="X0,Y0,X1,Y1",
        help="Look at this part of the --image alone, in fractions of its width and height: "
        "0,0,0.5,1 is its left half.",
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--not",
        metavar="PHRASE",
        help="What no result may show, such as floral. Can be repeated.",
    ),
]
Mode = Annotated[
    str,
    typer.Option(
        "--mode",
        help="What a text is compared with: visual (pictures), text (the words of titles and text "
        "fields, spelling corrected), or hybrid (both): for brands, model numbers, titles.",
    ),
]
Literal = Annotated[
    bool,
    typer.Option(
        "--literal",
        help="Take texts as they stand: read no 'not', 'without' or change out of them.",
    ),
]
Relevance = Annotated[
    bool,
    typer.Option(
        "--relevance", help="Also say how relevant results are, 0 to 1.", rich_help_panel=ORDER
    ),
]
MinRelevance = Annotated[
    float | None,
    typer.Option(
        "--min-relevance",
        help="Leave out what is less relevant, 0 to 1.",
        rich_help_panel=ORDER,
    ),
]
By = Annotated[
    str,
    typer.Option(
        "--by", help="item, or product: one result for each product, with its other images."
    ),
]
SortBy = Annotated[
    list[str] | None,
    typer.Option(
        "--sort",
        metavar="FIELD",
        help="Order the relevant set by a field, -FIELD for the largest first. Can be repeated.",
        rich_help_panel=ORDER,
    ),
]
BoostBy = Annotated[
    list[str] | None,
    typer.Option(
        "--boost",
        metavar="FIELD:WEIGHT",
        help="Move results up by a number or a boolean, such as popularity:0.1. Can be repeated.",
        rich_help_panel=ORDER,
    ),
]
Diversity = Annotated[
    float,
    typer.Option(
        "--diversity",
        help="0 to 1: how much results should differ from those before.",
        rich_help_panel=ORDER,
    ),
]
CollapseDuplicates = Annotated[
    bool,
    typer.Option(
        "--collapse-duplicates",
        help="Show pictures that are nearly the same once.",
        rich_help_panel=ORDER,
    ),
]
Relevant = Annotated[
    int,
    typer.Option(
        "--relevant",
        metavar="N",
        help="The relevant set: how many of the best candidates these options look at.",
        rich_help_panel=ORDER,
    ),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        metavar="RERANKER",
        help="Reorder the first results by a second look: late-interaction (each word against "
        "each place of the pictures), cross-encoder:FOLDER, endpoint:URL, or exact.",
        rich_help_panel=ORDER,
    ),
]
RerankDepth = Annotated[
    int,
    typer.Option(
        "--rerank-depth",
        metavar="N",
        help="How many of the first results --rerank looks at.",
        rich_help_panel=ORDER,
    ),
]
Explain = Annotated[
    Path | None,
    typer.Option(
        "--explain",
        metavar="FOLDER",
        help="Also write a page that explains the results into this folder: what each part gave "
        "to the score, and where in each picture each word was found.",
    ),
]
Facets = Annotated[
    list[str] | None,
    typer.Option(
        "--facet",
        metavar="FIELD",
        help="Also count the values of a field. Can be repeated.",
        rich_help_panel=COUNTS,
    ),
]
FacetsOver = Annotated[
    str,
    typer.Option(
        "--facets-over",
        help="filter (all items that satisfy the filter) or relevant (the relevant set).",
        rich_help_panel=COUNTS,
    ),
]
FacetsIgnoreOwn = Annotated[
    bool,
    typer.Option(
        "--facets-ignore-own/--facets-keep-own",
        help="Whether a facet leaves out what the filter asks of its own field.",
        rich_help_panel=COUNTS,
    ),
]
Total = Annotated[
    bool,
    typer.Option("--total", help="Also count the results of all pages.", rich_help_panel=COUNTS),
]
Less = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD[:MARGIN]",
        help="Only what has less than the item's own value, such as price, or price:10% for at "
        "least a tenth less. Can be repeated.",
        rich_help_panel=OWN,
    ),
]
More = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD[:MARGIN]",
        help="Only what has more than the item's own value. Can be repeated.",
        rich_help_panel=OWN,
    ),
]
Same = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD",
        help="Only what has the item's own value, such as kind. Can be repeated.",
        rich_help_panel=OWN,
    ),
]
Other = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD",
        help="Only what has another value than the item, such as colour. Can be repeated.",
        rich_help_panel=OWN,
    ),
]
OwnProducts = Annotated[
    bool,
    typer.Option(
        "--own-products",
        help="Also other images of the products that the items belong to.",
        rich_help_panel=OWN,
    ),
]
Html = Annotated[
    Path | None,
    typer.Option("--html", help="Also write the results with their pictures to this file."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, alone on stdout.")]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        help="Images that the model gets at once. (default: 64 on a GPU, else 16)",
        rich_help_panel=RUN,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        help="Threads that decode images. (default: one per core)",
        rich_help_panel=RUN,
    ),
]
JobDir = Annotated[
    Path | None,
    typer.Option(
        "--job-dir",
        help="Where each run has its folder. (default: jobs/ beside the database; with a server "
        ".vitrine/jobs)",
        rich_help_panel=RUN,
    ),
]
ShardsDir = Annotated[
    str | None,
    typer.Option(
        "--shards-dir",
        metavar="FOLDER",
        help="Where embeddings are kept, a folder or an address such as s3://bucket/folder that "
        "all machines can write to. (default: the run's folder)",
        rich_help_panel=RUN,
    ),
]
BulkImport = Annotated[
    str | None,
    typer.Option(
        "--bulk-import",
        metavar="FOLDER",
        help="Folder or address (s3://bucket/imports) in the storage of the Milvus server: a large "
        "new collection is filled by the server's bulk import from there. (default: rows are "
        "upserted)",
        rich_help_panel=RUN,
    ),
]
StagedImages = Annotated[
    Path | None,
    typer.Option(
        "--staged-images",
        metavar="FOLDER",
        help="Keep a copy of every image that is fetched from elsewhere. Reindexing with another "
        "model takes them from there, without asking their hosts.",
        rich_help_panel=RUN,
    ),
]
Regions = Annotated[
    str | None,
    typer.Option(
        "--regions",
        metavar="GRID",
        help="Also index parts of each picture, so that small things in it are found: 2x2, 3x3, "
        "another grid of columns x rows, or halves. (default: none)",
        rich_help_panel=RUN,
    ),
]
MaxFailedShare = Annotated[
    float | None,
    typer.Option(
        "--max-failed-share",
        help="Share of failed rows (0 to 1) above which to stop. (default: 0.5)",
        rich_help_panel=RUN,
    ),
]


def make_settings(**given: object) -> Settings:
    """Settings from the options that were given, over VITRINE_* variables, over the defaults.

    Raises:
        ConfigError: a value that cannot be used, or a VITRINE_* variable that sets nothing.
    """
    _refuse_unknown_variables()
    try:
        return Settings.model_validate(
            Settings().model_dump() | {name: v for name, v in given.items() if v is not None}
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"Setting {name!r} cannot be used: {first['msg']}.",
            hint=f"Check VITRINE_{name.upper()} and the option that stands for it.",
            details={"setting": name},
        ) from error


def _refuse_unknown_variables() -> None:
    """A misspelt variable would leave its default in force without a word."""
    known = {f"VITRINE_{name.upper()}" for name in Settings.model_fields}
    for name in sorted(os.environ):
        ours = name.startswith("VITRINE_") and not name.startswith("VITRINE_TEST_")
        if ours and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"The environment variable {name} sets nothing.",
                hint=f"Did you mean {near[0]}?" if near else "docs/configuration.md lists them.",
                details={"variable": name},
            )
