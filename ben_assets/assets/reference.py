"""The pinned inputs: fetched from their public homes, or registered where they are."""

from typing import TYPE_CHECKING, Final

import dagster as dg

from ben_assets.assets.rule_checks import RuleCheck
from ben_assets.assets.tile_asset import OWNERS, line_log
from ben_assets.failures import as_dagster_failure
from ben_assets.validation.result import RuleResult
from resources.configured import (
    DataRootResource,
    ReferenceInputsResource,
    settings_from,
)
from resources.inputs.pins import FILES_OF_INPUT
from resources.settings import Settings

if TYPE_CHECKING:
    from ben_assets.steps.step_context import StepContext


def input_asset(name: str, *kinds: str, says: str) -> dg.AssetsDefinition:
    """The asset of one or more pinned files.

    Args:
        name: asset key; ``FILES_OF_INPUT`` has its files.
        kinds: shown on it.
        says: its description.
    """

    @dg.asset(
        name=name,
        description=says,
        kinds=set(kinds),
        owners=OWNERS,
        tags={"ben/level": "input"},
        code_version="1",
    )
    def provide(
        context: dg.AssetExecutionContext,
        data_root: DataRootResource,
        reference_inputs: ReferenceInputsResource,
    ) -> dg.MaterializeResult:
        return _provide(context, settings_from(data_root, reference_inputs))

    return provide


ASSETS: Final = (
    input_asset(
        "tile_names_and_links",
        "csv",
        says="Names of the tiles that BigEarthNet v1 was cut from, and of those of v2.",
    ),
    input_asset(
        "v1_footprints",
        "geoparquet",
        says="Name, time and square of every BigEarthNet v1 patch, one file for each "
        "zone.",
    ),
    input_asset(
        "s1s2_mapping",
        "csv",
        says="The matching Sentinel-1 patch of every BigEarthNet v1 patch.",
    ),
    input_asset(
        "snow_and_cloud_lists",
        "csv",
        says="Patches of BigEarthNet v1 with seasonal snow, with cloud or with its "
        "shadow.",
    ),
    input_asset(
        "countries",
        "geojson",
        says="Borders of countries at 1:110 million (Natural Earth 5.1.2).",
    ),
    input_asset(
        "corine_land_cover",
        "geopackage",
        "corine",
        says="CORINE Land Cover 2018, vector version: fetched with CLMS_SERVICE_KEY, "
        "else put in place by hand.",
    ),
)


def _provide(
    context: dg.AssetExecutionContext, settings: Settings
) -> dg.MaterializeResult:
    """Fetch what is not there yet, and say what is."""
    from resources.inputs.pinned import PinnedInputs, count_rows, digest_of

    with as_dagster_failure():
        inputs = PinnedInputs(settings, reads_anew=True)
        names = FILES_OF_INPUT[context.asset_key.path[-1]]
        found = [inputs.require(name, line_log(context.log)) for name in names]
        rows = [count_rows(one.path) for one in found]
    table = [
        dg.TableRecord(
            {
                "file": str(one.path),
                "rows": n_rows,
                "sha256": one.sha256,
                "outcome": one.outcome,
                "source": one.pin.home,
            }
        )
        for one, n_rows in zip(found, rows, strict=True)
    ]
    return dg.MaterializeResult(
        data_version=dg.DataVersion(digest_of(found)),
        metadata={
            "dagster/row_count": sum(rows),
            "files": dg.MetadataValue.table(table),
        },
    )


def is_pinned(asset: dg.AssetsDefinition) -> RuleCheck:
    """The check that the files of an input have their pinned digests; only warns."""
    names = FILES_OF_INPUT[asset.key.path[-1]]

    def are_pinned(ctx: "StepContext") -> RuleResult:
        from resources.inputs.pinned import PinnedInputs

        inputs = PinnedInputs(ctx.settings, reads_anew=True)
        found = [one for name in names if (one := inputs.find(name))]
        others = [
            f"{one.path.name} is {one.outcome}" for one in found if not one.is_pinned
        ]
        return RuleResult(
            not others,
            "the pinned files",
            "; ".join(others) or f"{len(found)} of {len(names)} on disk",
            is_warning=not found or bool(others),
            details={
                "expected digests": {n: inputs.pins[n].expected for n in names},
                "found digests": {one.pin.name: one.sha256 for one in found},
            },
        )

    says = (
        "Each file that is on disk has the pinned digest. Another one may be used all "
        "the same; the warning says what follows from it."
    )
    return RuleCheck(
        asset, "is_pinned", says, are_pinned, is_blocking=False, needs_record=False
    )


CHECKS: Final = tuple(is_pinned(asset) for asset in ASSETS)
