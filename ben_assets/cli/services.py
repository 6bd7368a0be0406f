"""``ben serve`` and ``ben postgis``: what runs beside Dagster."""

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


postgis = typer.Typer(help="The schema in PostGIS: migrate.", no_args_is_help=True)


@postgis.callback()
def _subject() -> None:
    """Keeps ``migrate`` a command of its own, though it is the only one."""


@postgis.command()
def migrate() -> None:
    """Bring the schema to the newest state; assets do it on first use as well."""
    from resources.postgis.database import Postgis

    database = Postgis.from_settings(settings_of_process())
    before, after = database.migrate()
    if before == after:
        print(f"{database.name}: the schema is at revision {after} already")
    else:
        print(f"{database.name}: schema from {before or 'nothing'} to {after}")
