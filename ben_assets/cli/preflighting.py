"""``ben preflight``."""

from __future__ import annotations

import typer

from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.choice import TileArguments, chosen_tiles
from ben_assets.cli.console import AsJson, say_json
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles


def preflight(
    tiles: TileArguments = None,
    as_json: AsJson = False,
) -> None:
    """Ask all sources for tiles (all by default); downloads nothing.

    Shows which source has which tile, what is gone or changed, newer baselines, and the
    bytes to download. Exit 1 where no source has a tile.
    """
    from ben_assets.steps.preflight import format_preflight, preflight

    settings = settings_of_process()
    known = load_tiles(settings)
    keys = chosen_tiles(tiles) or known
    report = preflight(
        [known[key] for key in keys],
        settings,
        lambda line: typer.echo(escaped(line), err=True),
    )
    if as_json:
        say_json(report.as_json())
    else:
        typer.echo(format_preflight(report))
    if not all(row.is_ready for row in report.rows):
        raise typer.Exit(1)
