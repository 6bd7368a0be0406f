"""``ben inputs``: inputs as a directory that can be handed on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ben_assets.bigearthnet.tile_list import Tile
from ben_assets.cli.console import AsJson, TileArguments, chosen_tiles, say, say_json
from ben_assets.environment import settings_of_process
from ben_assets.tiles import load_tiles
from resources.data_root.facts import ZipFacts
from resources.data_root.store import Storage
from resources.inputs.exported import (
    L1C,
    REFERENCE,
    How,
    InputFile,
    export_inputs,
    verify_export,
)
from resources.inputs.pinned import PinnedInputs
from resources.inputs.pins import (
    CLOUD,
    CORINE,
    COUNTRIES,
    S1_MAPPING,
    SNOW,
    V1_ZONES,
    footprints_name,
)

app = typer.Typer(
    help="Verified inputs to hand on, or to keep: export, verify.", no_args_is_help=True
)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False)],
    tiles: TileArguments = None,
    hardlink: Annotated[
        bool,
        typer.Option(
            "--hardlink",
            help="Hard links instead of copies: no space, but a file that is changed "
            "in one place changes in the other.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write verified L1C products and pinned inputs of tiles into DIR, with digests.

    All tiles with an L1C zip on disk by default. What DIR has already stays, so an
    export that was interrupted goes on. Then BEN_L1C_DIR=DIR/l1c and
    BEN_REFERENCE_DIR=DIR/reference read it back, on any machine.
    """
    settings = settings_of_process()
    known, storage = load_tiles(settings), Storage(settings.data_dir)
    keys = chosen_tiles(tiles) or [k for k in storage.tiles("l1c_zips") if k in known]
    wanted = [known[key] for key in keys]
    absent: list[str] = []
    found = [
        *_products(storage, wanted, absent),
        *_pinned(PinnedInputs(settings), wanted, absent),
    ]
    how = How.HARDLINK if hardlink else How.COPY
    listed = export_inputs(found, folder, partial(say, err=as_json), how)
    for line in absent:
        say(line, err=True)
    if as_json:
        say_json({"folder": str(folder), "files": listed, "missing": absent})
    else:
        say(f"{folder}: {len(listed)} files in SHA256SUMS, {len(absent)} missing")
    raise typer.Exit(1 if absent else 0)


@app.command()
def verify(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", file_okay=False, exists=True)
    ],
    as_json: AsJson = False,
) -> None:
    """Read all of an exported DIR and say what differs; needs nothing else.

    Digests by SHA256SUMS, and of each product all checksums of its own manifest.
    """
    problems = verify_export(folder, partial(say, err=as_json))
    if as_json:
        say_json({"folder": str(folder), "problems": problems})
    else:
        for problem in problems:
            say(problem, err=True)
        say(f"{folder}: {len(problems)} problems")
    raise typer.Exit(1 if problems else 0)


def _products(
    storage: Storage, tiles: list[Tile], absent: list[str]
) -> Iterator[InputFile]:
    for tile in tiles:
        record = storage.find("l1c_zips", tile.key)
        if record is None:
            absent.append(f"{tile.key}: no L1C zip on disk; materialize l1c_zips")
            continue
        path = storage.folder("l1c_zips") / f"{tile.key}.zip"
        sha256 = record.facts_as(ZipFacts).zip_sha256
        yield InputFile(f"{L1C}/{tile.name}.zip", path, sha256)


def _pinned(
    inputs: PinnedInputs, tiles: list[Tile], absent: list[str]
) -> Iterator[InputFile]:
    zones = {tile.product.epsg for tile in tiles if tile.alignment == "v1"}
    footprints = [footprints_name(epsg) for epsg in V1_ZONES if epsg in zones]
    for name in (S1_MAPPING, CLOUD, SNOW, COUNTRIES, CORINE, *footprints):
        status = inputs.find(name)
        if status is None:
            absent.append(f"{name}: not on disk; ben reference fetch {name}")
            continue
        exported = name if name == CORINE else status.path.name
        yield InputFile(f"{REFERENCE}/{exported}", status.path, status.sha256)
