"""Jobs by the names of what people do."""

from collections.abc import Iterable, Iterator

import dagster as dg

from ben_assets.assets import (
    RULE_CHECKS,
    l1c,
    l2a,
    postgis,
    reference,
    release,
    training,
)
from ben_assets.assets.rule_checks import RuleCheck, metadata_of, severity_of
from ben_assets.assets.tile_asset import line_log
from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.numerals import counted
from ben_assets.bigearthnet.outside_text import escaped
from ben_assets.failures import as_dagster_failure
from ben_assets.partitions import ALL_START_AT_L2A, TILES, tile_partitions
from ben_assets.validation.result import RuleResult
from resources.configured import (
    CdseResource,
    DataRootResource,
    L1CSourcesResource,
    PostgisResource,
    ReferenceInputsResource,
    TrackedArtifactsResource,
    settings_from,
)
from resources.data_root.flow import RELEASE
from resources.settings import Settings

_OF_ASSET = dg.Field(str, is_required=False, description="Its rules only")


@dg.op(out=dg.Out(dg.Nothing), config_schema={"asset": _OF_ASSET})
def evaluate_rules(
    context: dg.OpExecutionContext,
    data_root: DataRootResource,
    reference_inputs: ReferenceInputsResource,
    tracked_artifacts: TrackedArtifactsResource,
    postgis: PostgisResource,
) -> Iterator[dg.AssetCheckEvaluation]:
    """Evaluate every rule of a tile, or of inputs and release.

    Fails at the end if one is broken.
    """
    settings = settings_from(data_root, reference_inputs, tracked_artifacts, postgis)
    of_tile, asset = context.has_partition_key, context.op_config.get("asset")
    checks = [
        check
        for check in RULE_CHECKS
        if check.has_tiles == of_tile and asset in (None, check.asset_name)
    ]
    tile = context.partition_key if of_tile else RELEASE
    yield from _evaluate(context, checks, tile, settings)


@dg.job(
    partitions_def=tile_partitions,
    description="All rules of a tile on what is on disk, every byte; makes nothing.",
)
def verify() -> None:
    """The checks of one tile."""
    evaluate_rules()


@dg.job(
    description="All rules of inputs and release on what is on disk; makes nothing."
)
def verify_release() -> None:
    """The checks of the release."""
    evaluate_rules()


@dg.job(
    partitions_def=tile_partitions,
    description="Ask PostGIS again what the rules say of a tile; publishes nothing.",
)
def cross_checks() -> None:
    """The checks of one tile in the database."""
    only = {"asset": "postgis_patches"}
    evaluate_rules.configured(only, name="evaluate_cross_checks")()


def _evaluate(
    context: dg.OpExecutionContext,
    checks: Iterable[RuleCheck],
    tile: str,
    settings: Settings,
) -> Iterator[dg.AssetCheckEvaluation]:
    """The result of each rule, under its check.

    Events of the run: Dagster keeps one result of a check, run and partition, so those
    of no run could be reported once and never again.

    Raises:
        dagster.Failure: a rule is broken; names all that are.
    """
    broken = []
    for check in checks:
        result = _result_of(check, context, tile, settings)
        name = f"{check.asset_name}: {check.name}"
        said = f"{name}: {_word(result)}: {result.description}"
        context.log.info("\n  ".join(map(escaped, (said, *result.differing))))
        yield dg.AssetCheckEvaluation(
            asset_key=check.asset.key,
            check_name=check.name,
            passed=result.passed,
            metadata=metadata_of(result),
            severity=severity_of(result),
            description=result.description,
            blocking=check.is_blocking,
            partition=tile if check.has_tiles else None,
        )
        if not result.passed and not result.is_warning:
            broken.append(f"{name}: {result.description}")
    if broken:
        raise dg.Failure(
            f"{counted(len(broken), 'check')} of {tile} failed: {'; '.join(broken)}. "
            f"The commands that repair it: ben verify {tile} --deep",
            allow_retries=False,
        )


def _result_of(
    check: RuleCheck, context: dg.OpExecutionContext, tile: str, settings: Settings
) -> RuleResult:
    try:
        return check.evaluate(tile, settings, line_log(context.log), deep=True)
    except BenError as error:
        return RuleResult(
            False, "something that can be read", f"[{error.failure_class}] {error}"
        )


def _word(result: RuleResult) -> str:
    if result.is_warning:
        return "warning"
    return "passed" if result.passed else "FAILED"


inputs = dg.define_asset_job(
    "inputs",
    selection=dg.AssetSelection.assets(*reference.ASSETS),
    description="The pinned inputs: fetched, or verified where they are on disk.",
)

_from_l2a = (
    dg.AssetSelection.assets(l2a.l2a_tiles).downstream()
    & dg.AssetSelection.assets(release.archives).upstream()
)
_found = (l1c.tile_ids,) if ALL_START_AT_L2A else (l1c.tile_ids, l1c.l1c_zips)

tile = dg.define_asset_job(
    "tile",
    selection=dg.AssetSelection.assets(*_found) | _from_l2a,
    description="One tile from its source to its archives.",
)

tile_from_l1c = dg.define_asset_job(
    "tile_from_l1c",
    selection=dg.AssetSelection.assets(l1c.l1c_zips) | _from_l2a,
    description="One tile from the L1C zip in BEN_L1C_DIR to its archives; no "
    "catalogue is asked.",
)

tile_from_l2a = dg.define_asset_job(
    "tile_from_l2a",
    selection=_from_l2a,
    description="One tile from an imported L2A product to its archives.",
)

l1c_tables = dg.define_asset_job(
    "l1c_tables",
    selection=dg.AssetSelection.assets(l1c.tile_id_csv, l1c.l1c_hash_csv),
    description="The original's tables of ids and hashes, of all L1C products found.",
)

release_job = dg.define_asset_job(
    "release",
    selection=dg.AssetSelection.assets(
        release.release_metadata, release.release_archives, release.release_report
    ),
    description="Release files of all tiles in the data set, and a report on them.",
)

training_tile = dg.define_asset_job(
    "training_tile",
    selection=dg.AssetSelection.assets(training.training_lmdb),
    description="The patches of one tile as tensors by key.",
)

training_job = dg.define_asset_job(
    "training",
    selection=dg.AssetSelection.assets(*training.ASSETS[1:]),
    description="Index, database, shards, statistics and card of all tiles.",
)

postgis_job = dg.define_asset_job(
    "postgis",
    selection=dg.AssetSelection.assets(postgis.postgis_patches),
    description="One tile, as it is on disk, into PostGIS, with its cross-checks.",
)


@dg.op(
    out=dg.Out(dg.Nothing),
    config_schema={"tiles": dg.Field([str], default_value=[], description="Tile keys")},
)
def ask_catalogue(
    context: dg.OpExecutionContext,
    data_root: DataRootResource,
    cdse: CdseResource,
    l1c_sources: L1CSourcesResource,
) -> None:
    """Ask all sources for tiles, all by default, and log a table."""
    from ben_assets.bigearthnet.tile_list import find_tile
    from ben_assets.steps.preflight import format_preflight, preflight

    with as_dagster_failure():
        chosen = [
            find_tile(key, TILES) for key in context.op_config["tiles"]
        ] or TILES.values()
        settings = settings_from(data_root, cdse, l1c_sources)
        report = preflight(chosen, settings, line_log(context.log))
    table = format_preflight(report)
    context.log.info(f"preflight\n{table}")
    context.add_output_metadata(
        {
            "table": dg.MetadataValue.md(f"```\n{table}\n```"),
            "report": dg.MetadataValue.json(report.as_json()),
        }
    )


@dg.job(description="Which source has which tile, without downloading.")
def preflight() -> None:
    """A table in the log and in the metadata."""
    ask_catalogue()


JOBS = (
    inputs,
    tile,
    tile_from_l2a,
    *(() if ALL_START_AT_L2A else (tile_from_l1c, l1c_tables)),
    release_job,
    training_tile,
    training_job,
    postgis_job,
    cross_checks,
    preflight,
    verify,
    verify_release,
)
"""All jobs; those that need an L1C product only where a tile has one."""
