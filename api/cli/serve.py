"""`vitrine serve`: the HTTP service and the page."""

import ipaddress
import socket
from typing import Annotated, Any

import typer

from api.cli.options import Collection, Db, Device, Model, make_settings
from api.proxies import read_proxies
from api.workers import check_workers, serve_in_workers
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
    forwarded_allow_ips: Annotated[
        str | None,
        typer.Option(
            "--forwarded-allow-ips",
            metavar="ADDRESSES",
            help="Proxies, comma-separated, whose X-Forwarded-For and X-Forwarded-Proto are "
            "believed: addresses or networks. (default: 127.0.0.1,::1)",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            min=1,
            max=64,
            help="Processes that share the work; more than one needs a Milvus server.",
        ),
    ] = 1,
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
    """Serve the search page, the HTTP API under /v1 and its documentation at /docs.

    Where `vitrine keys create` made a key, every request needs one. Where none was made, only
    programs of this machine may ask, unless --insecure says otherwise.
    """
    settings = make_settings(
        db=db,
        collection=collection,
        model=model,
        device=device,
        host=host,
        port=port,
        forwarded_allow_ips=forwarded_allow_ips,
        log_level=log_level,
    )
    run_server(settings, insecure=insecure, log_format=log_format, workers=workers)


def run_server(
    settings: Settings, *, insecure: bool = False, log_format: str = "auto", workers: int = 1
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Raises:
        ConfigError: the address is not loopback, `insecure` is false and there is no key; the
            address cannot be listened on; what is no address of a proxy; an unknown log level or
            format.
    """
    has_keys = False if is_loopback(settings.host) else _has_keys(settings)
    check_host(settings.host, insecure=insecure, has_keys=has_keys)
    _check_logging(settings.log_level, log_format)
    check_workers(workers, settings)
    read_proxies(settings.forwarded_allow_ips)
    listener = listen(settings.host, settings.port)
    try:
        # Who has a key needs no browser to be fooled: under which name it comes does not matter.
        _serve_on(listener, settings, log_format, workers, any_host=insecure or has_keys)
    finally:
        listener.close()


def check_host(host: str, *, insecure: bool, has_keys: bool = False) -> None:
    """Raise ConfigError unless the address is loopback, keys are wanted, or `insecure` is said."""
    if insecure or has_keys or is_loopback(host):
        return
    raise ConfigError(
        f"The service would listen on {host!r}, where others can reach it, and it has no keys: "
        "whoever reaches it can search and see the whole catalogue.",
        hint="Make a key with 'vitrine keys create --scope search', leave --host at 127.0.0.1, or "
        "say --insecure if everybody who can reach it may use it.",
        details={"host": host},
    )


def _has_keys(settings: Settings) -> bool:
    from api.security.gate import Gate

    return Gate.of(settings).has_active_key()


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
    # Said outright: asyncio sends small answers at once only on what is said to be TCP, and the
    # kernel holds them back for 40 ms otherwise.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
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
    listener: socket.socket,
    settings: Settings,
    log_format: str,
    workers: int,
    *,
    any_host: bool,
) -> None:
    import structlog
    import uvicorn

    from api.app import create_app
    from api.logging import configure_logging

    configure_logging(settings.log_level, log_format)
    app = create_app(settings, any_host=any_host)
    options: dict[str, Any] = {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "forwarded_allow_ips": read_proxies(settings.forwarded_allow_ips),
        "timeout_graceful_shutdown": SHUTDOWN_WAIT_S,
    }
    address, port = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    structlog.stdlib.get_logger("vitrine").info("listening", url=f"http://{shown}:{port}/")
    if workers > 1:
        listener.close()  # It has shown that the address is free; uvicorn listens anew.
        options |= {"host": address, "port": port, "any_host": any_host, "log_format": log_format}
        serve_in_workers(workers, settings, **options)
        return
    try:
        uvicorn.Server(uvicorn.Config(app, **options)).run(sockets=[listener])
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
