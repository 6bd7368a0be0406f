"""Existing products, imported: zips of L1C from ``BEN_L1C_DIR``, L2A likewise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ben_assets.bigearthnet.errors import (
    CorruptProduct,
    InvalidInput,
    InvalidProductName,
    MissingInput,
)
from ben_assets.bigearthnet.plain_files import kind_of
from ben_assets.bigearthnet.product_names import Acquisition, ProductName
from ben_assets.safe.directory_manifest import (
    ReadProduct,
    digest_files,
    expectations_of,
)
from ben_assets.safe.l2a import read_l2a
from ben_assets.safe.manifest import prove_product
from ben_assets.safe.zip_safety import MAX_MEMBERS, MAX_PRODUCT_BYTES
from ben_assets.safe.zips import product_of_zip
from resources.data_root.facts import CatalogueEntry
from resources.data_root.files import copied_chunks, require_space
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
        CorruptProduct: none of them is the whole product; each is named.
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
    target.unlink(missing_ok=True)
    for piece in copied_chunks(source, target):
        digests.update(piece)
    return digests.hexdigests()


def find_l2a(folder: Path, acquisition: Acquisition) -> Path | None:
    """The ``.SAFE`` folder or zip of one acquisition, or None where there is none.

    Raises:
        MissingInput: the folder does not exist.
        InvalidInput: two products match.
        LocalResourceError: the folder cannot be read.
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
        elif path.suffix == ".zip" and path.is_file():
            name = product_of_zip(path) or path.name.removesuffix(".zip")
        else:
            return None
        product = ProductName.parse(name)
    except InvalidProductName:
        return None
    return product.acquisition if product.level == "L2A" else None


def copy_product(source: Path, target: Path, threads: int) -> ReadProduct:
    """Copy an unpacked product into the folder ``target``; each file is read once.

    A copy, not links: what happens to ours must not happen to the user's.

    Args:
        source: the ``.SAFE`` folder.
        target: takes the copy.
        threads: files copied at a time.

    Returns:
        The product there, and what its files are.

    Raises:
        MissingInput: a metadata file or a band file is not there.
        InvalidInput: the metadata contradict something, or the directory holds more
            than a product may, or something else than files and directories; nothing
            of it is copied.
        CorruptProduct: the manifest is damaged.
        UnexpectedRaster: a band is cut short or not a JP2.
    """
    files = list(_files_of(source))
    total = sum(path.stat().st_size for path in files)
    if len(files) > MAX_MEMBERS or total > MAX_PRODUCT_BYTES:
        raise InvalidInput(
            f"{source}: expected at most {MAX_MEMBERS} files and {MAX_PRODUCT_BYTES} "
            f"bytes of a product, found {len(files)} and {total}; take away what does "
            "not belong to it"
        )
    copy, bands = target / source.name, read_l2a(source).band_files.values()

    def copied(path: Path) -> Iterator[bytes]:
        place = copy / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        return copied_chunks(path, place)

    expectations = expectations_of(source)
    found = digest_files(source, expectations, bands, threads, copied)
    return ReadProduct(read_l2a(copy), found, expectations)


def _files_of(folder: Path) -> Iterator[Path]:
    """All files below a folder; links to files count as files.

    Raises:
        InvalidInput: names what is neither a file nor a directory.
    """
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from _files_of(path)
        elif path.is_file() and _is_text(path.name):
            yield path
        else:
            kind = kind_of(path.lstat().st_mode)
            raise InvalidInput(
                f"{folder}: expected files and directories, found {kind}: "
                f"{path.name!r}; take it away, or put what it stands for in its place"
            )


def _is_text(name: str) -> bool:
    """Whether a name is UTF-8: others cannot be written into a record."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
