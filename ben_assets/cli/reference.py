"""``ben reference``: the pinned inputs; ``ben pin``, ``ben hash``: the original's."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from ben_assets.bigearthnet.errors import BenError, FailureClass, MissingInput
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.console import AsJson, coloured, say, say_json, with_progress
from ben_assets.environment import settings_of_process
from resources.data_root.files import write_atomically
from resources.inputs.pinned import InputStatus, PinnedInputs
from resources.inputs.pins import PUBLISHED, derive_published_toml, derive_tiles_csv

app = typer.Typer(
    help="The pinned inputs: fetch, list, footprints.", no_args_is_help=True
)
hashes = typer.Typer(
    help="The original's hash lists: tiffs, l1c.", no_args_is_help=True
)
_GIVE_UP_SECONDS: Final = 30.0
"""Somebody sits there and waits; a run asks for longer."""


def _from(what: str) -> Any:  # noqa: ANN401  what typer's Option returns
    """Option ``--from``: a directory to read."""
    return typer.Option("--from", exists=True, file_okay=False, help=what)


@app.command()
def fetch(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="File names. Default: all."),
    ] = None,
    source: Annotated[Path | None, _from("Copy from this directory.")] = None,
) -> None:
    """Fetch pinned inputs into BEN_REFERENCE_DIR, each verified against its pin.

    What is there stays. A download that was interrupted is continued. A server that
    does not answer is asked for half a minute, then each further one once.
    """
    inputs = PinnedInputs(settings_of_process())
    _require_known(names or (), inputs)
    wanted = names or list(inputs.pins)
    give_up_seconds, absent = _GIVE_UP_SECONDS, 0
    for name in with_progress(wanted, "inputs", len(wanted)):
        try:
            status = _provide(inputs, name, source, give_up_seconds)
            say(f"{status.path}: {status.outcome}")
        except BenError as error:
            say(f"{name}: [{error.failure_class}] {error}", err=True)
            absent += 1
            if error.failure_class is FailureClass.TRANSIENT:
                give_up_seconds = 0
    say(f"{len(wanted) - absent} of {len(wanted)} inputs are there")
    raise typer.Exit(1 if absent else 0)


@app.command("list")
def list_inputs(as_json: AsJson = False) -> None:
    """Show each pinned input: where it is, whether it is the pinned file, its home."""
    inputs = PinnedInputs(settings_of_process())
    found = {name: inputs.find(name) for name in inputs.pins}
    if as_json:
        say_json([_row(inputs, name, status) for name, status in found.items()])
        return
    for name, status in found.items():
        state = "missing" if status is None else "ok" if status.is_pinned else "warns"
        where = f"from {inputs.pins[name].home}" if status is None else status.outcome
        typer.echo(f"{coloured(state, 7)}  {escaped(f'{name}: {where}')}")


def _row(
    inputs: PinnedInputs, name: str, status: InputStatus | None
) -> dict[str, object]:
    pin = inputs.pins[name]
    return {
        "name": name,
        "path": str(status.path if status else inputs.places.expected(name)),
        "is_there": status is not None,
        "is_pinned": status is not None and status.is_pinned,
        "sha256": status.sha256 if status else None,
        "expected": pin.expected,
        "home": pin.home,
        "is_fetchable": pin.is_fetchable,
    }


def _require_known(names: Sequence[str], inputs: PinnedInputs) -> None:
    for name in names:
        if name not in inputs.pins:
            near = difflib.get_close_matches(name, inputs.pins, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise typer.BadParameter(
                f"unknown input {name}; {hint}expected some of {', '.join(inputs.pins)}"
            )


def _provide(
    inputs: PinnedInputs, name: str, source: Path | None, give_up_seconds: float
) -> InputStatus:
    """One input as it is, copied or fetched if it is not there.

    Raises:
        BenError: it can be neither.
    """
    if source is None:
        return inputs.require(name, say, give_up_seconds=give_up_seconds)
    status = inputs.find(name) or inputs.import_existing(name, source, say)
    if status is None:
        raise MissingInput(f"not in {source}")
    return status


@app.command()
def footprints(
    source: Annotated[Path, _from("Extracted BigEarthNet v1 (Sentinel-2).")],
    to: Annotated[
        Path | None, typer.Option(help="Directory to write to. [BEN_REFERENCE_DIR]")
    ] = None,
) -> None:
    """Make the v1 footprints of each zone from BigEarthNet v1 itself.

    Place and CRS are those of each patch's B01 raster, or, where it is missing, of its
    labels_metadata.json.
    """
    from resources.inputs.v1_source import write_footprints

    target = to or settings_of_process().reference_dir
    for epsg, count in write_footprints(source, target, say).items():
        say(f"EPSG:{epsg}: {count} patches")
    say(f"written to {target}")


_Folder = Annotated[Path, typer.Argument(exists=True, file_okay=False)]
_Output = Annotated[Path, typer.Argument(dir_okay=False, help="File to write.")]


def _with_bar(digests: Iterator[str | None], total: int) -> Iterator[str | None]:
    return with_progress(digests, "hashing", total)


@hashes.command()
def tiffs(folder: _Folder, output: _Output = Path("patch_hashes.csv")) -> None:
    """Hash all GeoTIFFs below a folder into OUTPUT, and that into OUTPUT.sha256."""
    from ben_assets.validation.hash_lists import hash_tiffs, write_hash_list

    digests = hash_tiffs(folder, _with_bar)
    digest = write_hash_list(digests, output, has_digest=True)
    say(f"{output}: {len(digests)} files, sha256 {digest}")


@hashes.command()
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
        Path, _from("Directory with the tracked artifacts of the original pipeline.")
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
