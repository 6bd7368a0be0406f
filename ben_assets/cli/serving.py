"""``ben serve``."""

from __future__ import annotations

import contextlib
from typing import Annotated

import typer

from ben_assets.environment import settings_of_process


def serve(
    port: Annotated[int, typer.Option(help="Port of 127.0.0.1; 0: a free one.")] = 8001,
) -> None:
    """Serve report, pictures and docs on loopback, for links in the Dagster UI.

    Set BEN_FILES_URL to the address before Dagster starts: each asset's page then links
    to them. To be read only; stop with Ctrl-C.
    """
    from ben_assets.file_pages import FilePages
    from resources.settings import FILES_URL

    try:
        pages = FilePages(settings_of_process().data_dir, port)
    except OSError as error:
        raise typer.BadParameter(f"port {port}: {error.strerror}") from error
    typer.echo(f"{FILES_URL}={pages.url}")
    with contextlib.suppress(KeyboardInterrupt):
        pages.serve()
