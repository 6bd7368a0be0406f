"""Asset checks: one property each, named as a claim, re-runnable without the asset."""

from __future__ import annotations

from typing import Final

import dagster as dg

from ben_assets.checks import l1c, tracked

CHECKS: Final[list[dg.AssetChecksDefinition]] = [*l1c.CHECKS, *tracked.CHECKS]
"""All checks."""
