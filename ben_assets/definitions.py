"""The code location: a graph that loads without secret, data or network."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable
from typing import Any, Final

import dagster as dg

gc.freeze()  # what Dagster's import made stays: the collector need not go through it

from ben_assets.assets import RULE_CHECKS, STAGES
from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.bigearthnet.shipped_files import SHIPPED
from ben_assets.environment import settings_of_process
from ben_assets.jobs import JOBS
from resources.configured import resources_of
from resources.settings import FILES_URL, REPOSITORY, Settings


def _kubernetes() -> dg.ExecutorDefinition:
    from dagster_k8s import k8s_job_executor  # of the extra cluster

    executor: dg.ExecutorDefinition = k8s_job_executor
    return executor


_EXECUTORS: Final[dict[str, Callable[[], dg.ExecutorDefinition]]] = {
    "in_process": lambda: dg.in_process_executor,  # one tile, one process
    "multiprocess": lambda: dg.multiprocess_executor,
    "k8s": _kubernetes,  # a pod for each asset of a tile
}

_LINKS: Final = {
    "what it is": "docs/architecture.md",
    "what its checks mean": "docs/checks.md",
    "when it fails": "docs/troubleshooting.md",
    "its files and pictures": "data/{asset}/",
    "report on the release": "data/release_report/report.html",
}
"""Title on an asset's page to what is behind it, below ``BEN_FILES_URL``."""


def build_definitions(**overrides: Any) -> dg.Definitions:  # noqa: ANN401
    """A fresh graph of all assets, checks, jobs and resources.

    Args:
        overrides: resources by key, in place of those that the environment describes.
    """
    settings = settings_of_process()
    assets = [
        asset
        for group, stage in STAGES.items()
        for asset in dg.map_asset_specs(_in_group(group, settings), stage)
    ]
    return dg.Definitions(
        assets=assets,
        asset_checks=[check.as_asset_check() for check in RULE_CHECKS],
        jobs=JOBS,
        resources={**resources_of(settings.as_environment()), **overrides},
        executor=_EXECUTORS[settings.choice("BEN_EXECUTOR", tuple(_EXECUTORS))](),
    )


def _in_group(group: str, settings: Settings) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """Sets what all assets of a group have: the group, and where to read on."""
    return lambda spec: spec.replace_attributes(
        group_name=group,
        metadata={**_links(spec.key.path[-1], settings), **spec.metadata},
    )


def _links(asset: str, settings: Settings) -> dict[str, dg.MetadataValue[Any]]:
    """Addresses where files are served (``ben serve``), else paths."""
    address = _address(settings)
    places = {title: place.format(asset=asset) for title, place in _LINKS.items()}
    if address is not None:
        return {
            title: dg.MetadataValue.url(f"{address}/{place}")
            for title, place in places.items()
        }
    roots = {
        "docs": SHIPPED / "docs",
        "data": settings.path("BEN_DATA_DIR") or REPOSITORY / "data",
    }
    return {
        title: dg.MetadataValue.path(roots[top] / below)
        for title, place in places.items()
        for top, _, below in [place.partition("/")]
    }


def _address(settings: Settings) -> str | None:
    """Where files are served; one with a password is not stored: ``ben doctor``."""
    with contextlib.suppress(InvalidInput):
        return settings.address(FILES_URL, "") if settings.text(FILES_URL) else None
    return None


defs = build_definitions()
