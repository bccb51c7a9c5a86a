"""Writing queries that were made, as `load_queries` and `load_qrels` read them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from search.errors import EvaluationError
from search.evaluation.files import Qrels
from search.evaluation.making import Made, MadeQuery


def write_made(made: Made, queries: Path, qrels: Path, *, replace: bool = False) -> None:
    """Write a queries.jsonl and a qrels.json; raises as `write_queries`."""
    gains = {query.id: dict(query.gains) for query in made.queries}
    write_queries([_line(query) for query in made.queries], gains, queries, qrels, replace=replace)


def write_queries(
    lines: Sequence[Mapping[str, object]],
    gains: Qrels,
    queries: Path,
    qrels: Path,
    *,
    replace: bool = False,
) -> None:
    """Write queries, an object each, and the gains of their right answers.

    Raises:
        EvaluationError: a file is there already and `replace` is false, both are the same file,
            or one cannot be written.
    """
    if queries.absolute() == qrels.absolute():
        raise EvaluationError("Queries and qrels cannot be in one file.", hint="Name two files.")
    for path in (queries, qrels):
        if path.exists() and not replace:
            raise EvaluationError(
                f"{path} is there already.",
                hint="Choose another place, or replace it with --force.",
                details={"path": str(path)},
            )
    said = [json.dumps(line, ensure_ascii=False) for line in lines]
    _write(queries, "\n".join(said) + "\n")
    _write(qrels, json.dumps(gains, ensure_ascii=False, indent=1) + "\n")


def _line(query: MadeQuery) -> dict[str, object]:
    line: dict[str, object] = {"id": query.id, "text": query.text, "group": query.group}
    return line if query.filter is None else line | {"filter": query.filter}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(
            f"{path} cannot be written: {error.strerror or error}.", details={"path": str(path)}
        ) from error
