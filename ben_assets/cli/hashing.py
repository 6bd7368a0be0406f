"""``ben hash`` and ``ben pin``: what the original pipeline left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ben_assets.cli.console import say, with_progress
from resources.data_root.files import write_atomically
from resources.inputs.pins import PUBLISHED, derive_published_toml, derive_tiles_csv

app = typer.Typer(help="The original's hash lists: tiffs, l1c.", no_args_is_help=True)

_Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False)]
_Output = Annotated[Path, typer.Argument(dir_okay=False, help="File to write.")]


def _with_bar(digests: Iterator[str | None], total: int) -> Iterator[str | None]:
    return with_progress(digests, "hashing", total)


@app.command()
def tiffs(folder: _Folder, output: _Output = Path("patch_hashes.csv")) -> None:
    """Hash all GeoTIFFs below a folder into OUTPUT, and that into OUTPUT.sha256."""
    from ben_assets.validation.hash_lists import hash_tiffs, write_hash_list

    digests = hash_tiffs(folder, _with_bar)
    digest = write_hash_list(digests, output, has_digest=True)
    say(f"{output}: {len(digests)} files, sha256 {digest}")


@app.command()
def l1c(folder: _Folder, output: _Output = Path("ben_s2_l1c_hashes.csv")) -> None:
    """Hash the L1C zips (CDSE-ID.out) of a folder into OUTPUT; names damaged ones."""
    from ben_assets.validation.hash_lists import hash_l1c, write_hash_list

    digests, damaged = hash_l1c(folder, _with_bar)
    digest = write_hash_list(digests, output, has_digest=False)
    say(f"{output}: {len(digests)} files, sha256 {digest}")
    for problem in damaged:
        say(f"left out: {problem}", err=True)
    raise typer.Exit(1 if damaged else 0)


def pin(
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            exists=True,
            file_okay=False,
            help="Directory with the tracked artifacts of the original pipeline.",
        ),
    ],
    to: Annotated[Path, typer.Option(help="Directory to write to.")] = PUBLISHED.parent,
) -> None:
    """Derive tiles.csv and published.toml from the published artifacts.

    Nothing in these two files is typed; this command is how they come about.
    """
    to.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("tiles.csv", derive_tiles_csv(source)),
        (PUBLISHED.name, derive_published_toml(source)),
    ):
        path = to / name
        is_same = path.is_file() and path.read_text() == text
        write_atomically(path, text.encode())
        typer.echo(f"{path}: {'as before' if is_same else 'written'}")
