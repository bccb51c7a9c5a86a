"""Writing queries that were made, as `load_queries` and `load_qrels` read them."""

import json
from pathlib import Path

from search.errors import EvaluationError
from search.evaluation.making import Made, MadeQuery


def write_made(made: Made, queries: Path, qrels: Path, *, replace: bool = False) -> None:
    """Write a queries.jsonl and a qrels.json.

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
    lines = [json.dumps(_line(query), ensure_ascii=False) for query in made.queries]
    gains = {query.id: dict(query.gains) for query in made.queries}
    _write(queries, "\n".join(lines) + "\n")
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
