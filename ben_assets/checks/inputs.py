"""``is_pinned``: are the inputs those that BigEarthNet v2 was made with?"""

from typing import Final

import dagster as dg

from ben_assets.assets.reference import INPUTS
from ben_assets.failures import as_dagster_failure
from resources.settings import Settings


def is_pinned(
    asset: dg.AssetsDefinition, names: tuple[str, ...]
) -> dg.AssetChecksDefinition:
    """The check that the files of an input have their pinned digests; only warns."""

    @dg.asset_check(
        asset=asset,
        name="is_pinned",
        description="Each file that is on disk has the pinned digest. Another one may "
        "be used all the same; the warning says what follows from it.",
    )
    def check() -> dg.AssetCheckResult:
        from resources.inputs.pinned import PinnedInputs

        with as_dagster_failure():
            inputs = PinnedInputs(Settings())
            found = [one for name in names if (one := inputs.find(name))]
        others = [
            f"{one.path.name} is {one.outcome}" for one in found if not one.is_pinned
        ]
        is_certain = found and not others
        return dg.AssetCheckResult(
            passed=not others,
            severity=dg.AssetCheckSeverity.ERROR
            if is_certain
            else dg.AssetCheckSeverity.WARN,
            description="; ".join(others) or f"{len(found)} of {len(names)} on disk",
            metadata={
                "expected": {name: inputs.pins[name].expected for name in names},
                "found": {one.pin.name: one.sha256 for one in found},
            },
        )

    return check


CHECKS: Final = [is_pinned(asset, names) for asset, names in INPUTS.items()]
"""All checks of this module."""
