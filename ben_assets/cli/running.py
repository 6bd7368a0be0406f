"""What runs: ``ben run``; beside Dagster, ``ben serve`` and ``ben postgis``."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ben_assets.bigearthnet.errors import LocalResourceError
from ben_assets.bigearthnet.tile_list import Tile, find_tile
from ben_assets.cli.console import chosen_tiles, keys_beginning_with, say
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles

if TYPE_CHECKING:
    import dagster as dg

    from ben_assets.runs import FinishedRun
    from resources.settings import Settings


class Start(StrEnum):
    """The product that a tile is made from."""

    L1C = "l1c"
    L2A = "l2a"


def run(
    tile: Annotated[
        str,
        typer.Argument(
            metavar="TILE",
            help="Tile key (T33UUP_20170613T101031), product name, or a part of one.",
            autocompletion=keys_beginning_with,
        ),
    ],
    start: Annotated[
        Start | None,
        typer.Option(
            "--from",
            help="l2a: the product in BEN_L2A_DIR, or the one that the tile's row "
            "names. l1c: the zip in BEN_L1C_DIR, or else the archives'. Default: l2a "
            "where there is one.",
        ),
    ] = None,
) -> None:
    """Make one tile here, up to its archives, and say what was made.

    What is on disk and still verifies is kept, so a run that failed goes on. Exit code
    1 if a step or a check failed.
    """
    (key,) = chosen_tiles([tile])
    settings = settings_of_process()
    job = _job(find_tile(key, load_tiles(settings)), start, settings)
    finished = _execute(job, key)
    _close(finished)
    raise typer.Exit(0 if finished.is_fine else 1)


def _job(tile: Tile, start: Start | None, settings: Settings) -> str:
    """The job that begins where the tile's product is, so that no more is asked for."""
    if tile.starts_at_l2a and start is Start.L1C:
        raise typer.BadParameter(
            f"{tile.key} starts at the L2A product {tile.name}: leave out --from l1c"
        )
    if start is Start.L2A or (start is None and _has_l2a(tile, settings)):
        return "tile_from_l2a"
    return "tile_from_l1c" if settings.path("BEN_L1C_DIR") else "tile"


def _has_l2a(tile: Tile, settings: Settings) -> bool:
    """Whether the row names an L2A product, or BEN_L2A_DIR has one of the tile."""
    from resources.imported import find_l2a

    folder = settings.path("BEN_L2A_DIR")
    there = folder and find_l2a(folder, tile.product.acquisition)
    return tile.starts_at_l2a or there is not None


def _execute(job: str, key: str) -> FinishedRun:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ben_assets.failures import forget_last_words
        from ben_assets.run_report import (
            print_notable,
            progress_on,
            table_of,
            wide_console,
        )
        from ben_assets.runs import run_job

    console = wide_console()
    console.print(f"job {job} of {key}", highlight=False)
    with _instance() as instance:
        finished = run_job(job, key, instance, progress_on(console))
    forget_last_words()
    if finished.made:
        console.print(table_of([finished]))
    print_notable(console, [finished])
    return finished


@contextlib.contextmanager
def _instance() -> Iterator[dg.DagsterInstance]:
    """That of DAGSTER_HOME, so that the UI shows the run; else none that lasts."""
    import dagster as dg

    if settings_of_process().text("DAGSTER_HOME") is None:
        say("DAGSTER_HOME is not set: the UI will not show this run", err=True)
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
    else:
        with _opened_home() as instance:
            yield instance


def _opened_home() -> dg.DagsterInstance:
    """The instance of DAGSTER_HOME.

    Raises:
        InvalidInput: DAGSTER_PG_URL is no address; it is not repeated.
        LocalResourceError: its database does not answer, or it is no instance.
    """
    import dagster as dg

    from resources.postgres_dsn import parse_dsn, without_password

    url = settings_of_process().text("DAGSTER_PG_URL", "") or ""
    dsn = url.replace("+psycopg2:", ":", 1)
    if dsn:
        parse_dsn(dsn, "DAGSTER_PG_URL")
    try:
        return dg.DagsterInstance.get()
    except Exception as error:  # of SQLAlchemy, of the driver, of a file of Dagster's
        cause = error.__cause__ or error
        said = without_password(f"{type(cause).__name__}: {cause}", dsn)
        raise LocalResourceError(
            f"the Dagster instance of DAGSTER_HOME cannot be opened: {said}; start its "
            "database, or correct DAGSTER_PG_URL or dagster.yaml there"
        ) from None


def _close(finished: FinishedRun) -> None:
    """The last line: what was made, or what to do."""
    key, root = finished.partition, settings_of_process().data_dir
    if finished.is_fine:
        made = f"{len(finished.made)} artifacts of {key} in {root}"
        say(f"{made}; next: ben verify {key} --deep", "green")
    elif finished.failures:
        say(f"failed: {finished.failures[0].splitlines()[0]}", "red")
        say(
            f"put that right, then: ben run {key} (ben doctor {key} may say what lacks)"
        )
    else:
        say(
            f"a check of {key} failed, see above; docs/checks.md says what it means",
            "red",
        )


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
