"""``ben pin``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from resources.data_root.files import write_atomically
from resources.inputs.pins import PUBLISHED, derive_published_toml, derive_tiles_csv


def pin(
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            exists=True,
            file_okay=False,
            help="Folder with the tracked artifacts of the original pipeline.",
        ),
    ],
    to: Annotated[Path, typer.Option(help="Folder to write to.")] = PUBLISHED.parent,
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
