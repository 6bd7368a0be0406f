"""Asset checks: one property each, named as a claim, re-runnable without the asset."""

from __future__ import annotations

from typing import Final

import dagster as dg

from ben_assets.checks import tracked

CHECKS: Final[list[dg.AssetChecksDefinition]] = [*tracked.CHECKS]
"""All checks."""
