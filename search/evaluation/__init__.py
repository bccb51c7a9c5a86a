"""How good a ranking is, over queries with answers: measured, compared, taken apart, and made.

Two files say what is right. `queries.jsonl` has a query a line:

    {"id": "q1", "text": "red dress", "filter": "price<50", "group": "colour and kind"}

with one of `text`, `image` (a path relative to the file) and `item`; `filter` (text or JSON form),
`group`, `held_out` (true or false) and `slices` (`{"gender": "women"}`) are optional. `qrels.json`
has every right answer with its gain, a whole number: `{"q1": {"item-7": 2, "item-9": 1}}`. An item
without a gain, or of gain 0, is wrong.

The measures are trec_eval's: nDCG adds up `gain / log2(rank + 1)`, everything else asks whether
the gain is above 0. The order is the engine's own: equal scores are not ranked anew. Only the
first `DEPTH` hits count, so mAP and MRR are those at that cut.

`compare` says whether two evaluations of the same queries differ by more than chance would have
it, `measure_slices` which kinds of queries lag behind, and `make_queries` derives both files from
a collection's own columns and titles, `queries_from_log` from what people searched for and chose.
"""

from search.evaluation.bootstrap import FEWEST_QUERIES, LEVEL, RESAMPLES
from search.evaluation.comparison import (
    Comparison,
    Difference,
    Verdict,
    compare,
    losses,
    worst_queries,
)
from search.evaluation.files import EvalQuery, Qrels, load_qrels, load_queries
from search.evaluation.from_log import Logged, LoggedQuery, queries_from_log, write_logged
from search.evaluation.made_files import write_made
from search.evaluation.making import Made, MadeQuery, MakeOptions, make_queries
from search.evaluation.measuring import (
    DEPTH,
    MEASURES,
    Evaluation,
    Metrics,
    QueryScore,
    check_answers,
    evaluate,
    evaluate_rankings,
)
from search.evaluation.settings import query_settings
from search.evaluation.slice_scores import (
    FEWEST_OF_SLICE,
    SliceDifference,
    SliceScore,
    compare_slices,
    measure_slices,
)
from search.evaluation.slices import Slice, SliceBy, best_answers, parse_slice, slice_queries

__all__ = [
    "DEPTH",
    "FEWEST_OF_SLICE",
    "FEWEST_QUERIES",
    "LEVEL",
    "MEASURES",
    "RESAMPLES",
    "Comparison",
    "Difference",
    "EvalQuery",
    "Evaluation",
    "Logged",
    "LoggedQuery",
    "Made",
    "MadeQuery",
    "MakeOptions",
    "Metrics",
    "Qrels",
    "QueryScore",
    "Slice",
    "SliceBy",
    "SliceDifference",
    "SliceScore",
    "Verdict",
    "best_answers",
    "check_answers",
    "compare",
    "compare_slices",
    "evaluate",
    "evaluate_rankings",
    "load_qrels",
    "load_queries",
    "losses",
    "make_queries",
    "measure_slices",
    "parse_slice",
    "queries_from_log",
    "query_settings",
    "slice_queries",
    "worst_queries",
    "write_logged",
    "write_made",
]
