"""`vitrine openapi`."""

from pathlib import Path
from typing import Annotated

import typer


def openapi(
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there instead of printing it.")
    ] = None,
) -> None:
    """Print the description of the HTTP API (OpenAPI 3.1), for clients to be made from.

    It is the same as a service's /openapi.json, and needs neither a database nor a model.

    Examples:

      vitrine openapi > openapi.json
      vitrine openapi --out docs/openapi.json
    """
    from api.logging import configure_logging
    from api.openapi import document_text

    configure_logging("WARNING")
    text = document_text()
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
