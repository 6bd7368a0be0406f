"""``ben preflight``."""

from __future__ import annotations

import typer

from ben_assets.cli.choice import TileArguments, chosen_tiles
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles


def preflight(tiles: TileArguments = None) -> None:
    """Ask the CDSE catalogue for tiles (all by default); downloads nothing.

    Shows which are online, offline, gone or changed, newer baselines, and the bytes to
    download. Exit 1 where a tile cannot be downloaded now.
    """
    from ben_assets.steps.preflight import format_preflight, preflight

    settings = settings_of_process()
    known = load_tiles(settings)
    keys = chosen_tiles(tiles) or known
    rows = preflight(
        [known[key] for key in keys], settings, lambda line: typer.echo(line, err=True)
    )
    typer.echo(format_preflight(rows))
    if not all(row.is_ready for row in rows):
        raise typer.Exit(1)
