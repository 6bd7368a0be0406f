"""``ben track``."""

from __future__ import annotations

import typer

from ben_assets.cli.choice import TileArguments, chosen_tiles
from ben_assets.cli.console import say
from ben_assets.environment import settings_of_process
from ben_assets.validation.recording import track_tiles
from resources.data_root.flow import RELEASE
from resources.data_root.store import Storage


def track(tiles: TileArguments = None) -> None:
    """Record the hashes of tiles on disk as what is expected from now on.

    Writes tracked-artifacts/hashes/ASSET.csv (BEN_TRACKED_ARTIFACTS); rows of other
    tiles stay. TILE may be the word release. Review the difference like code, and
    commit it.
    """
    settings = settings_of_process()
    changes = track_tiles(
        Storage(settings.data_dir),
        settings.tracked_artifacts,
        chosen_tiles(tiles, also=(RELEASE,)),
    )
    for change in changes:
        say(
            f"{change.path}: {change.added} rows added, {change.changed} changed, "
            f"{change.kept} as before"
        )
    if not changes:
        say(f"nothing to track below {settings.data_dir}", err=True)
        raise typer.Exit(2)
