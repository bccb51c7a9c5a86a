"""Logs on stderr: lines for people on a terminal, one JSON object a line otherwise."""

import logging
import sys

import structlog
from structlog.types import EventDict, Processor

OWN = ("vitrine", "search", "indexer", "uvicorn")
"""Loggers that the level is for; all others are heard from WARNING on."""


def configure_logging(level: str = "INFO", log_format: str = "auto") -> None:
    """Send everything, the web server's own lines included, through structlog to stderr.

    `auto` is `console` on a terminal and `json` elsewhere. Whatever is logged while a request is
    served carries its `request_id`.
    """
    as_json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _without_colours,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_handler(shared, as_json)]
    # Libraries speak up when something is wrong; some would log addresses with their queries.
    root.setLevel(logging.WARNING)
    for name in OWN:
        logging.getLogger(name).setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers = []
        logging.getLogger(name).propagate = True


def _handler(shared: list[Processor], as_json: bool) -> logging.Handler:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_last_steps(as_json),
            ],
        )
    )
    handler.addFilter(_is_heard)
    return handler


def _is_heard(record: logging.LogRecord) -> bool:
    """Libraries from WARNING on, also those that give their loggers a level when imported."""
    return record.levelno >= logging.WARNING or record.name.partition(".")[0] in OWN


def _without_colours(_: object, __: str, event: EventDict) -> EventDict:
    """The web server adds each of its lines a second time, for terminals."""
    event.pop("color_message", None)
    return event


def _last_steps(as_json: bool) -> list[Processor]:
    # Without the variables of each frame: they hold queries, and may hold secrets.
    if not as_json:
        plain = structlog.dev.plain_traceback
        colors = sys.stderr.isatty()
        return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=plain)]
    tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(tracebacks),
        structlog.processors.JSONRenderer(sort_keys=True, default=str),
    ]
