"""A few patches that show what is in a release: every label, split and tile."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import rasterio
import rasterio.errors
from PIL import Image

from ben_assets.bigearthnet.dataset_layout import MAP_SUFFIX, path_of
from ben_assets.bigearthnet.errors import UnexpectedRaster
from ben_assets.bigearthnet.legend import Legend
from ben_assets.bigearthnet.plain_files import NotAFile, require_plain
from ben_assets.pictures.quicklook import (
    COLOUR_BANDS,
    land_cover_colours,
    true_colour,
)
from ben_assets.pictures.sheet import jpeg, png
from ben_assets.report.facts import CoverRow, GalleryPatch

PATCHES: Final = 24
"""Patches in the gallery, if the release has as many."""
_QUALITY: Final = 88


def choose_patches(patches: pd.DataFrame) -> pd.DataFrame:
    """At most ``PATCHES`` rows: rare labels first, then tiles and splits in turn.

    Which patch stands for a label is decided by a hash of its name, so a choice is
    mixed, yet the same for the same release.

    Args:
        patches: columns patch_id, labels (lists), split, country and tile.
    """
    mixed = patches.assign(
        order=[hashlib.sha256(name.encode()).digest() for name in patches["patch_id"]]
    ).sort_values("order")
    chosen = _one_for_each_label(mixed)
    left = mixed[~mixed["patch_id"].isin(chosen)]
    turn = left.groupby(["tile", "split"]).cumcount()
    fill = left.assign(turn=turn).sort_values(["turn", "order"])["patch_id"]
    chosen += list(fill[: PATCHES - len(chosen)])
    return patches[patches["patch_id"].isin(chosen)].sort_values("patch_id")


def _one_for_each_label(mixed: pd.DataFrame) -> list[str]:
    labelled = mixed[["patch_id", "labels"]].explode("labels")
    counts = labelled["labels"].value_counts().sort_index()
    chosen: list[str] = []
    for label in counts.sort_values(kind="stable").index:
        having = labelled[labelled["labels"] == label]["patch_id"]
        if not having.isin(chosen).any():
            chosen.append(having.iloc[0])
    return chosen


def make_gallery(
    patches: pd.DataFrame, dataset: Path, legend: Legend
) -> list[GalleryPatch]:
    """The pictures of patches of the aligned data set.

    Args:
        patches: from ``choose_patches``.
        dataset: root of the data set.
        legend: names and colours of the land cover codes.

    Raises:
        UnexpectedRaster: a file of a patch is missing or damaged.
    """
    return [_show(dataset, row, legend) for row in patches.to_dict("records")]


def _show(dataset: Path, row: Mapping[Hashable, Any], legend: Legend) -> GalleryPatch:
    patch = row["patch_id"]
    red, green, blue = (_read(dataset, f"{patch}_{band}") for band in COLOUR_BANDS)
    colours = Image.fromarray(true_colour(red, green, blue))
    codes = _read(dataset, f"{patch}{MAP_SUFFIX}")
    return GalleryPatch(
        patch_id=patch,
        split=row["split"],
        country=row["country"],
        labels=tuple(row["labels"]),
        true_colour=_data_uri("jpeg", jpeg(colours, _QUALITY)),
        reference_map=_data_uri(
            "png", png(Image.fromarray(land_cover_colours(codes, legend)))
        ),
        cover=_cover(codes, legend),
    )


def _read(dataset: Path, name: str) -> npt.NDArray[np.uint16]:
    path = dataset / path_of(name)
    try:
        require_plain(path)
        with rasterio.open(path) as raster:
            pixels: npt.NDArray[np.uint16] = raster.read(1)
    except (NotAFile, rasterio.errors.RasterioIOError) as error:
        raise UnexpectedRaster(
            f"{path}: cannot be read ({error}); materialize aligned_dataset of this "
            "tile again"
        ) from error
    return pixels


def _cover(codes: npt.NDArray[np.uint16], legend: Legend) -> list[CoverRow]:
    found, counts = np.unique(codes, return_counts=True)
    rows = [
        CoverRow(
            legend.entry(code).name,
            "#{:02x}{:02x}{:02x}".format(*legend.entry(code).colour),
            count / codes.size,
        )
        for code, count in zip(found.tolist(), counts.tolist(), strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.share, row.name))


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
