"""``ben tiles``."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.console import AsJson, coloured, say_json
from ben_assets.cli.find import find
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles, require_own_list
from ben_assets.validation.overview import (
    State,
    TileOverview,
    overview,
    with_files_checked,
)
from resources.data_root.flow import RELEASE
from resources.data_root.stored_tiles import Snapshot

_HEADINGS: Final = {
    "tile_ids": "ids",
    "l1c_zips": "l1c",
    "l2a_tiles": "l2a",
    "patches": "patches",
    "reference_maps": "maps",
    "metadata_tables": "tables",
    "aligned_dataset": "dataset",
    "archives": "archives",
    "training_lmdb": "lmdb",
}
_WIDTH: Final = 9
_KEY_WIDTH: Final = 24


app = typer.Typer(invoke_without_command=True)
app.command()(find)


@app.callback()
def tiles(
    context: typer.Context,
    as_json: AsJson = False,
    check: Annotated[
        bool, typer.Option("--check", help="Look for every file and its size, too.")
    ] = False,
) -> None:
    """Show what is done, absent, stale or wrong for each tile and asset, with sizes.

    Goes by the records; with --check it also looks for each file and its size.
    """
    if context.invoked_subcommand is not None:
        return
    settings = settings_of_process()
    require_own_list(settings)
    snapshot = Snapshot(settings.data_dir)
    rows = overview(snapshot, settings.tracked_artifacts, load_tiles(settings))
    if check:
        rows = with_files_checked(snapshot, rows)
    if as_json:
        say_json(_as_json(rows))
    else:
        typer.echo(_as_text(rows))


def _as_json(rows: list[TileOverview]) -> dict[str, object]:
    return {
        "tiles": [
            {
                "tile": row.tile,
                "bytes": row.bytes,
                "assets": {k: vars(a) for k, a in row.artifacts.items()},
            }
            for row in rows
        ],
        "bytes": sum(row.bytes for row in rows),
    }


def _as_text(rows: list[TileOverview]) -> str:
    *of_tiles, release = rows
    shown = [row for row in of_tiles if not row.is_absent]
    heading = "".join(f"{name:<{_WIDTH}}" for name in _HEADINGS.values())
    lines = [f"{'tile':<{_KEY_WIDTH}}{heading}{'size':>10}"]
    lines += [_row(row) for row in shown]
    absent = len(of_tiles) - len(shown)
    lines.append(f"{absent} other tiles: nothing on disk" if absent else "")
    lines += [
        f"{RELEASE} {asset}: {artifact.state}, {_size(artifact.bytes)}"
        for asset, artifact in release.artifacts.items()
        if artifact.state is not State.ABSENT
    ]
    lines += [
        escaped(f"{row.tile} {asset}: {artifact.state}: {artifact.why}")
        for row in rows
        for asset, artifact in row.artifacts.items()
        if artifact.why
    ]
    lines.append(f"{len(shown)} tiles, {_size(sum(row.bytes for row in rows))}")
    return "\n".join(line for line in lines if line)


def _row(row: TileOverview) -> str:
    states = "".join(_word(row.artifacts[name].state) for name in _HEADINGS)
    return f"{escaped(row.tile):<{_KEY_WIDTH}}{states}{_size(row.bytes):>10}"


def _word(state: State) -> str:
    return coloured("-" if state is State.ABSENT else state, _WIDTH)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.2f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
