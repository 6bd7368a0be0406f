"""Existing L2A products in ``BEN_L2A_DIR``, imported instead of processed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ben_assets.bigearthnet.errors import InvalidInput, InvalidProductName, MissingInput
from ben_assets.bigearthnet.product_names import Acquisition, ProductName
from ben_assets.safe.zips import extract_product, product_of_zip


def find_l2a(folder: Path, acquisition: Acquisition) -> Path | None:
    """The ``.SAFE`` folder or zip of one acquisition, or None where there is none.

    Raises:
        MissingInput: the folder does not exist.
        InvalidInput: two products match.
    """
    if not folder.is_dir():
        raise MissingInput(
            f"BEN_L2A_DIR: expected a folder with L2A products, {folder} is none"
        )
    found = [p for p in sorted(folder.iterdir()) if _acquisition_of(p) == acquisition]
    if len(found) > 1:
        raise InvalidInput(
            f"{folder}: expected one L2A product of {acquisition.mission} "
            f"{acquisition.sensing} over {acquisition.mgrs}, found "
            f"{' and '.join(path.name for path in found)}; move all but one away"
        )
    return found[0] if found else None


def _acquisition_of(path: Path) -> Acquisition | None:
    try:
        if path.is_dir() and path.suffix == ".SAFE":
            name = path.name
        elif path.suffix == ".zip":
            name = product_of_zip(path) or path.name.removesuffix(".zip")
        else:
            return None
        product = ProductName.parse(name)
    except InvalidProductName:
        return None
    return product.acquisition if product.level == "L2A" else None


def copy_product(source: Path, target: Path) -> Path:
    """Copy or unpack a product into the folder ``target``.

    A copy, not links: what happens to ours must not happen to the user's.

    Returns:
        The ``.SAFE`` folder.

    Raises:
        UnsafeZip: a zip is damaged or has unsafe members.
    """
    if not source.is_dir():
        return extract_product(source, target)
    copy = target / source.name
    for folder, _, names in os.walk(source, followlinks=True):
        place = copy / Path(folder).relative_to(source)
        place.mkdir(parents=True)
        for name in names:
            shutil.copyfile(f"{folder}/{name}", f"{place}/{name}")
    return copy


def link_or_copy(source: str, target: str) -> str:
    """Hard link a file, or copy it where the file system cannot link.

    Of a symbolic link the file behind it: a link into the user's folders may break.
    """
    if Path(source).is_symlink():
        source = os.path.realpath(source)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
    return target
