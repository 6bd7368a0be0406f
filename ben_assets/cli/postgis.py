"""``ben postgis``: the schema of the database in ``BEN_POSTGIS_DSN``."""

from __future__ import annotations

import typer

from ben_assets.environment import settings_of_process

app = typer.Typer(help="The schema in PostGIS.", no_args_is_help=True)


@app.callback()
def _subject() -> None:
    """Keeps ``migrate`` a command of its own, though it is the only one."""


@app.command()
def migrate() -> None:
    """Bring the schema to the newest state; assets do it on first use as well."""
    from resources.postgis.database import Postgis

    database = Postgis.from_settings(settings_of_process())
    before, after = database.migrate()
    if before == after:
        print(f"{database.name}: the schema is at revision {after} already")
    else:
        print(f"{database.name}: schema from {before or 'nothing'} to {after}")
