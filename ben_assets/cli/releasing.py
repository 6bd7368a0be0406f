"""``ben subset``, ``ben publish`` and ``ben verify-release``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ben_assets.environment import settings_of_process

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext

publish = typer.Typer(help="Prepare a release for others.", no_args_is_help=True)


def subset(
    name: Annotated[str, typer.Argument(help="Directory below subsets/.")],
    where: Annotated[
        str, typer.Option(help="Condition on the index, in DuckDB's SQL.")
    ] = "true",
    share: Annotated[float, typer.Option(help="Share of these patches, to 1.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed, other patches.")] = 0,
    per_class: Annotated[
        int | None, typer.Option(help="Patches to look for of each label.")
    ] = None,
    lmdb: Annotated[
        bool, typer.Option("--lmdb", help="With an LMDB database.")
    ] = False,
    shards: Annotated[bool, typer.Option("--shards", help="With shards.")] = False,
) -> None:
    """Write a named subset of the release; the same patches on every machine."""
    from ben_assets.steps.subsets import make_subset
    from ben_assets.training.subsets import Selection
    from resources.data_root.facts import SUBSETS, SubsetFacts

    selection = Selection(where, share, seed, per_class)
    ctx = _context()
    record = make_subset(ctx, name, selection, has_lmdb=lmdb, has_shards=shards)
    facts = record.facts_as(SubsetFacts)
    typer.echo(f"{facts.patches} patches")
    typer.echo(f"sha256 of their list: {facts.patches_sha256}")
    typer.echo(str(ctx.storage.folder(f"{SUBSETS}/{name}")))


@publish.command()
def folder(
    directory: Annotated[Path, typer.Argument(help="New directory to make.")],
) -> None:
    """Lay out what is uploaded: card, index/, shards/, archives/, lmdb/."""
    from ben_assets.steps.publishing import publish_folder

    count = publish_folder(_context(), directory.absolute())
    typer.echo(f"{count} files in {directory}")


def verify_release(
    directory: Annotated[
        Path, typer.Argument(help="Where the archives were extracted.")
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="Default: MANIFEST.csv.zst in DIRECTORY.")
    ] = None,
) -> None:
    """Prove every file of an extracted data set; needs no data root.

    One line for each difference. Exit code 1 if anything differs.
    """
    from ben_assets.training.manifest import MANIFEST_FILE
    from ben_assets.validation.extracted_release import compare_with_manifest

    listed = manifest or directory / MANIFEST_FILE
    count = 0
    for path, problem in compare_with_manifest(directory, listed):
        typer.echo(f"{path}\t{problem}")
        count += 1
    typer.echo(f"{count} differences")
    raise typer.Exit(1 if count else 0)


def _context() -> StepContext:
    from ben_assets.steps.step_context import StepContext

    return StepContext.from_settings(
        settings_of_process(), lambda line: typer.echo(line, err=True)
    )
