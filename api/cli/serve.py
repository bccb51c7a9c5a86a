"""`vitrine serve`: the HTTP service and the page."""

import ipaddress
import socket
from typing import Annotated

import typer

from api.cli.options import Collection, Db, Device, Model, make_settings
from search.config import Settings
from search.errors import ConfigError

SHUTDOWN_WAIT_S = 10
"""How long requests that run may go on after Ctrl-C."""


def serve(
    db: Db = None,
    collection: Collection = None,
    model: Model = None,
    device: Device = None,
    host: Annotated[
        str | None,
        typer.Option("--host", help="Address to listen on. (default: 127.0.0.1)"),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", help="Port to listen on; 0 is any free one. (default: 8000)"),
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Listen where other machines can reach it, without keys."),
    ] = False,
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", help="DEBUG, INFO, WARNING or ERROR. (default: INFO)"),
    ] = None,
    log_format: Annotated[
        str,
        typer.Option(
            "--log-format", help="console, json, or auto: console on a terminal, else json."
        ),
    ] = "auto",
) -> None:
    """Serve the search page, the HTTP API under /v1 and its documentation at /docs."""
    settings = make_settings(
        db=db,
        collection=collection,
        model=model,
        device=device,
        host=host,
        port=port,
        log_level=log_level,
    )
    run_server(settings, insecure=insecure, log_format=log_format)


def run_server(settings: Settings, *, insecure: bool = False, log_format: str = "auto") -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: the address is not loopback and `insecure` is false; the address cannot be
            listened on; an unknown log level or format.
    """
    check_host(settings.host, insecure=insecure)
    _check_logging(settings.log_level, log_format)
    listener = listen(settings.host, settings.port)
    try:
        _serve_on(listener, settings, log_format, any_host=insecure)
    finally:
        listener.close()


def check_host(host: str, *, insecure: bool) -> None:
    """Raise ConfigError unless the address is loopback, or `insecure` says that it need not be."""
    if insecure or is_loopback(host):
        return
    raise ConfigError(
        f"The service would listen on {host!r}, where others can reach it, and it has no keys: "
        "whoever reaches it can search and see the whole catalogue.",
        hint="Leave --host at 127.0.0.1, put a proxy that asks who is there in front of it, or "
        "say --insecure if everybody who can reach it may use it.",
        details={"host": host},
    )


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ConfigError if the address is taken or is not of this machine."""
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The service cannot listen on {host} port {port}: {error.strerror or error}.",
            hint="Choose another --port, or stop what listens there.",
            details={"host": host, "port": port},
        ) from error
    return listener


def _serve_on(
    listener: socket.socket, settings: Settings, log_format: str, *, any_host: bool
) -> None:
    import structlog
    import uvicorn

    from api.app import create_app
    from api.logging import configure_logging

    configure_logging(settings.log_level, log_format)
    config = uvicorn.Config(
        create_app(settings, any_host=any_host),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_WAIT_S,
    )
    address, port = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    structlog.stdlib.get_logger("vitrine").info("listening", url=f"http://{shown}:{port}/")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        # The server has finished what ran and closed the database; Ctrl-C is how one stops it.
        structlog.stdlib.get_logger("vitrine").info("stopped")


def _check_logging(level: str, log_format: str) -> None:
    if level.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise ConfigError(
            f"There is no log level {level!r}.", hint="Choose DEBUG, INFO, WARNING or ERROR."
        )
    if log_format not in ("auto", "console", "json"):
        raise ConfigError(
            f"There is no log format {log_format!r}.", hint="Choose auto, console or json."
        )
