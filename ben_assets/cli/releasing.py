"""``ben subset``, ``ben publish`` and ``ben verify-release``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ben_assets.bigearthnet.dataset_layout import ReleaseDirectory
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.cli.console import AsJson, echo, progress, say, say_json
from ben_assets.environment import settings_of_process

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext
    from resources.uploads.upload_file import UploadFile

publish = typer.Typer(
    help="Lay out a release for others, or upload it.", no_args_is_help=True
)


Only = Annotated[
    list[ReleaseDirectory] | None,
    typer.Option(help="Upload this directory (repeatable) and the card; default: all."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="List the files; nothing is sent.")
]
DryRunAsJson = Annotated[
    bool, typer.Option("--json", help="The list of --dry-run as JSON.")
]
Publishes = Annotated[
    bool,
    typer.Option("--publish", help="Let everybody see it once all is verified."),
]


def subset(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Directory below subsets/.")
    ],
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
    from ben_assets.steps.shards import make_subset
    from ben_assets.training.subsets import Selection
    from resources.data_root.facts import SubsetFacts
    from resources.data_root.flow import SUBSETS

    selection = Selection(where, share, seed, per_class)
    ctx = _context()
    record = make_subset(ctx, name, selection, has_lmdb=lmdb, has_shards=shards)
    facts = record.facts_as(SubsetFacts)
    say(f"{facts.patches} patches")
    say(f"sha256 of their list: {facts.patches_sha256}")
    say(str(ctx.storage.folder(f"{SUBSETS}/{name}")))


@publish.command()
def folder(
    directory: Annotated[
        Path, typer.Argument(metavar="DIRECTORY", help="New directory to make.")
    ],
) -> None:
    """Lay out what is uploaded: card, index/, shards/, archives/, lmdb/."""
    from ben_assets.steps.publishing import publish_folder

    count = publish_folder(_context(), directory.absolute())
    say(f"{count} files in {directory}")


@publish.command()
def huggingface(
    repo: Annotated[
        str, typer.Argument(metavar="REPOSITORY", help="As name/data-set.")
    ],
    only: Only = None,
    dry_run: DryRun = False,
    publishes: Publishes = False,
    as_json: DryRunAsJson = False,
) -> None:
    """Upload to the Hugging Face Hub: a private repository, until --publish.

    Token: HF_TOKEN. What the Hub has already is not sent again; each file is verified
    by the Hub's own digest. Run it again after a failure: it goes on where it stopped.
    """
    _require_dry_run(dry_run, as_json)
    ctx = _context()
    files = _files(ctx, only)
    if dry_run:
        _list(files, as_json)
        return
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from ben_assets.steps.publishing import publish_huggingface

    if not sys.stderr.isatty():
        disable_progress_bars()
    done = publish_huggingface(ctx, repo, files, publishes=publishes)
    state = "public" if done.is_public else "private; --publish makes it public"
    say(f"{done.uploaded} of {len(files)} files uploaded, all verified")
    say(f"{done.url} ({state})")


@publish.command()
def zenodo(
    creator: Annotated[
        list[str],
        typer.Option(help="Who made the release, as 'Family, Given' (repeatable)."),
    ],
    only: Only = None,
    dry_run: DryRun = False,
    publishes: Publishes = False,
    as_json: DryRunAsJson = False,
) -> None:
    """Upload to Zenodo: a draft, until --publish, which cannot be undone.

    Token: ZENODO_TOKEN. A record holds 100 files and 50 GB: see --only. What the draft
    has already is not sent again; each file is verified by the MD5 that Zenodo states.
    Run it again after a failure: it goes on where it stopped.
    """
    from resources.uploads.zenodo import flat_names

    _require_dry_run(dry_run, as_json)
    ctx = _context()
    files = _files(ctx, only)
    flat_names(files)
    if dry_run:
        _list(files, as_json)
        return
    from ben_assets.steps.publishing import publish_zenodo

    url = publish_zenodo(ctx, creator, files, publishes=publishes)
    say(f"{len(files)} files there, all verified")
    say(f"{url} ({'published' if publishes else 'draft'})")


def _files(ctx: StepContext, only: list[ReleaseDirectory] | None) -> list[UploadFile]:
    from ben_assets.steps.publishing import release_files

    return release_files(ctx, only or list(ReleaseDirectory))


def _require_dry_run(dry_run: bool, as_json: bool) -> None:
    if as_json and not dry_run:
        raise typer.BadParameter("--json goes with --dry-run")


def _list(files: list[UploadFile], as_json: bool) -> None:
    if as_json:
        say_json([{"file": file.name, "bytes": file.size} for file in files])
        return
    for file in files:
        typer.echo(f"{file.size}\t{escaped(file.name)}")
    total = sum(file.size for file in files)
    say(f"{len(files)} files, {total:,} bytes; nothing was sent")


def verify_release(
    directory: Annotated[
        Path,
        typer.Argument(
            metavar="DIRECTORY",
            help="Where the archives were extracted.",
            exists=True,
            file_okay=False,
        ),
    ],
    manifest: Annotated[
        Path | None, typer.Option(help="Default: MANIFEST.csv.zst in DIRECTORY.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify every file of an extracted data set; needs no data root.

    One line for each difference. Exit code 1 if anything differs.
    """
    from ben_assets.training.manifest import MANIFEST_FILE
    from ben_assets.validation.hash_lists import compare_with_manifest

    listed = manifest or directory / MANIFEST_FILE
    found, n_files = [], 0
    with progress("comparing", None) as advance:

        def count(so_far: int) -> None:
            nonlocal n_files
            n_files = so_far
            advance(f"{so_far:,} files")

        for path, problem in compare_with_manifest(directory, listed, count):
            found.append({"file": path, "problem": problem})
            if not as_json:
                echo(f"{escaped(path)}\t{escaped(problem)}")
    if as_json:
        say_json(found)
    else:
        line = f"{n_files:,} files listed, {len(found):,} that differ"
        say(line, "red" if found else "green")
    raise typer.Exit(1 if found else 0)


def _context() -> StepContext:
    from ben_assets.steps.step_context import StepContext

    return StepContext.from_settings(
        settings_of_process(), lambda line: say(line, err=True)
    )
