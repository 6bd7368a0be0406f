"""Small L1C products with real names, as CDSE packs them: stored, without folders."""

from __future__ import annotations

import hashlib
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

from ben_assets.bigearthnet.product_names import ProductName

NAME = "S2A_MSIL1C_20170613T101031_N0205_R022_T33UUP_20170613T101608"
KEY = ProductName.parse(NAME).tile_key
BANDS = [f"B{n:02d}" for n in range(1, 13)] + ["B8A"]
DIGESTS: dict[str, Callable[[bytes], str]] = {
    "MD5": lambda content: hashlib.md5(content).hexdigest(),
    "SHA3-256": lambda content: hashlib.sha3_256(content).hexdigest().upper(),
    "WHIRLPOOL": lambda content: "00" * 64,
}


def other_product(number: int) -> str:
    """The name of another product: another MGRS tile and orbit of that day."""
    letters = "ABCDEFGHJKLMNPQRSTUV"
    square = f"33U{letters[number // 20 % 20]}{letters[number % 20]}"
    return (
        f"S2A_MSIL1C_20170613T101031_N0205_R{number + 1:03d}_T{square}_20170613T101608"
    )


def band_path(product: str, band: str) -> str:
    mgrs, time = product.split("_")[5], product.split("_")[2]
    return f"GRANULE/L1C_{mgrs}_A010316_{time}/IMG_DATA/{mgrs}_{time}_{band}.jp2"


def product_files(
    product: str = NAME, *, seed: int = 0, checksum: str = "MD5", band_bytes: int = 1500
) -> dict[str, bytes]:
    """Files of a product, manifest included, by path below the .SAFE folder."""
    dice = random.Random(f"{product}{seed}")
    granule = band_path(product, "B01").split("/")[1]
    files = {
        "MTD_MSIL1C.xml": f"<Product>{product}{seed}</Product>".encode(),
        "INSPIRE.xml": b"<metadata/>",
        "HTML/UserProduct_index.html": b"<html/>",
        "DATASTRIP/DS_1/MTD_DS.xml": b"<DataStrip/>",
        f"GRANULE/{granule}/MTD_TL.xml": b"<Tile/>",
        f"GRANULE/{granule}/QI_DATA/MSK_CLOUDS_B00.gml": b"<gml/>",
        **{band_path(product, band): dice.randbytes(band_bytes) for band in BANDS},
    }
    return {**files, "manifest.safe": manifest(files, checksum)}


def manifest(files: dict[str, bytes], checksum: str = "MD5") -> bytes:
    """A manifest that lists just these files."""
    rows = "".join(
        f'<dataObject ID="n{number}">'
        f'<byteStream mimeType="octet" size="{len(content)}">'
        f'<fileLocation locatorType="URL" href="./{name}"/>'
        f'<checksum checksumName="{checksum}">{DIGESTS[checksum](content)}</checksum>'
        "</byteStream></dataObject>"
        for number, (name, content) in enumerate(files.items())
    )
    return (
        '<?xml version="1.0"?><xfdu:XFDU xmlns:xfdu="urn:ccsds:schema:xfdu:1">'
        f"<dataObjectSection>{rows}</dataObjectSection></xfdu:XFDU>"
    ).encode()


def write_zip(path: Path, files: dict[str, bytes], product: str = NAME) -> Path:
    """The zip of a product."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(f"{product}.SAFE/{name}", (2024, 1, 1, 0, 0, 0))
            info.external_attr = 0o600 << 16
            archive.writestr(info, content)
    return path


def write_product(folder: Path, product: str = NAME, **choices: object) -> Path:
    """A sound product zip ``<product>.zip`` in ``folder``."""
    return write_zip(
        folder / f"{product}.zip", product_files(product, **choices), product
    )  # type: ignore[arg-type]
