"""Asset checks: one property each, named as a claim, re-runnable without the asset."""

from __future__ import annotations

from typing import Final

import dagster as dg

from ben_assets.checks import claims, inputs, l1c, l2a, postgis, tracked

CHECKS: Final[list[dg.AssetChecksDefinition]] = [
    *inputs.CHECKS,
    *l1c.CHECKS,
    *l2a.CHECKS,
    *postgis.CHECKS,
    *tracked.CHECKS,
    *claims.CHECKS,
]
"""All checks."""
