"""Existing L1C zips in ``BEN_L1C_DIR``, imported instead of downloaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ben_assets.bigearthnet.errors import CorruptProduct, MissingInput
from ben_assets.bigearthnet.plain_files import open_plain
from ben_assets.safe.file_digests import CHUNK
from ben_assets.safe.manifest import prove_product
from ben_assets.safe.zips import product_of_zip
from resources.data_root.facts import CatalogueEntry
from resources.data_root.files import require_space
from resources.transfers.delivery import (
    Delivered,
    Digests,
    ProvenZip,
    service_checks,
    verify,
)


def find_l1c(folder: Path, key: str, cdse_id: str | None = None) -> list[Path]:
    """The files of ``folder`` that hold the product ``key``, sorted.

    The folder inside a zip says which product it is. A file that is no zip counts where
    its name is one of this product: better to say that it is damaged than missing.

    Raises:
        MissingInput: no such folder, or no such file in it.
    """
    if not folder.is_dir():
        raise MissingInput(f"BEN_L1C_DIR: expected a folder, {folder} is none")
    names = {f"{key}.zip", f"{key}.SAFE.zip", f"{cdse_id}.out"}
    inside = {path: product_of_zip(path) for path in folder.iterdir() if path.is_file()}
    found = [
        path
        for path, product in inside.items()
        if product == key or (product is None and path.name in names)
    ]
    if not found:
        raise MissingInput(
            f"BEN_L1C_DIR {folder} has no zip of {key} among its {len(inside)} files; "
            f"add it as {key}.zip, or unset BEN_L1C_DIR to download it"
        )
    return sorted(found)


def import_l1c(
    sources: list[Path], target: Path, key: str, entry: CatalogueEntry | None
) -> tuple[Path, ProvenZip]:
    """Copy the first sound one of ``sources`` to ``target`` and verify the copy.

    A copy, no link: what happens to our file must not happen to the user's.

    Args:
        sources: files that claim to hold the product.
        target: the zip to make.
        key: the product.
        entry: what the catalogue says of it, where it was asked.

    Returns:
        The source that was taken, and what holds of it.

    Raises:
        CorruptProduct: none of them keeps what it expectations; each is named.
        LocalResourceError: the disk is full.
    """
    problems = []
    for source in sources:
        require_space(target.parent, source.stat().st_size)
        digests = _copy(source, target, entry.checksums if entry else ())
        try:
            product = prove_product(target, key)
        except CorruptProduct as error:
            text = str(error).replace(target.name, source.name)
            problems.append(f"{source}: {text}")
            continue
        delivered = Delivered(target.stat().st_size, digests)
        service = service_checks(entry, delivered, target)
        return source, verify(delivered, digests["SHA256"], product, service)
    raise CorruptProduct(
        f"no sound zip of {key} in BEN_L1C_DIR: " + "; ".join(problems)
    )


def _copy(source: Path, target: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Copy a file and return its digests, see ``Digests``."""
    digests = Digests(algorithms)
    with open_plain(source) as original, target.open("wb") as copy:
        while piece := original.read(CHUNK):
            copy.write(piece)
            digests.update(piece)
    return digests.hexdigests()
