"""CORINE Land Cover 2018 from CLMS: requested, awaited, unpacked, held to its pin.

Belongs here: which file it is, and how far an earlier process came. Not here: requests.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.errors import (
    ChangedUpstream,
    CorruptProduct,
    InvalidInput,
    MissingInput,
    ProductGone,
)
from ben_assets.safe.zips import ZIP_ERRORS
from resources.clms.client import URL, Clms, ClmsOptions, FileRequest
from resources.clms.service_key import ServiceKey
from resources.data_root.files import (
    local_errors,
    put_in_place,
    require_space,
    write_atomically,
)
from resources.inputs.pins import Pin
from resources.settings import Settings
from resources.transfers.download import PublicFile, download
from resources.transfers.timeouts import Timeouts
from resources.transfers.transfer import Expected

DATASET: Final = "0407d497d3c44bcd93ce8fd5bf78596a"
"""CLC2018 in the catalogue of CLMS."""
TITLE: Final = "CORINE Land Cover 2018"
_MOST_BYTES: Final = 32 << 30
"""Of zip and GeoPackage; the latter has about 8 GB."""
_CHUNK: Final = 1 << 20


@dataclass(frozen=True)
class CorineDownload:
    """The way of the GeoPackage from the service to its place."""

    clms: Clms
    """The service."""
    pin: Pin
    """What the GeoPackage must be."""
    timeouts: Timeouts
    """How long to wait for what, while the file comes."""
    log: Callable[[str], None]
    """Takes progress lines."""

    def fetch(self, target: Path) -> None:
        """Bring the GeoPackage to ``target``; an earlier request is taken up again.

        Raises:
            BenError: no file, or another one than pinned; see :class:`Clms`.
        """
        with self.clms.transport.hiding():
            self._fetch(target)

    def _fetch(self, target: Path) -> None:
        task_file = target.with_name(f".{target.name}.task")
        packed = target.with_name(f".{target.name}.zip.part")
        with local_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        try:
            url = self.clms.wait_for(self._task(task_file))
        except (ProductGone, InvalidInput):
            task_file.unlink(missing_ok=True)
            raise
        expected = Expected(most_bytes=_MOST_BYTES, digest_decides=True)
        download(
            PublicFile(target.name, url, expected), packed, self.timeouts, self.log
        )
        task_file.unlink(missing_ok=True)
        self._unpack(packed, target)
        packed.unlink(missing_ok=True)

    def _task(self, task_file: Path) -> str:
        """The id of the task that an earlier process started, else of a new one."""
        if task_file.is_file() and (known := task_file.read_text().strip()):
            self.log(f"{self.pin.name}: going on with task {known}")
            return known
        task_id = self.clms.request(FileRequest(DATASET, self._file_id()))
        with local_errors(task_file):
            write_atomically(task_file, task_id.encode())
        self.log(f"{self.pin.name}: requested as task {task_id}")
        return task_id

    def _file_id(self) -> str:
        """The GeoPackage among the files of the data set."""
        files = self.clms.files(DATASET, TITLE)
        wanted = self.pin.name.removesuffix(".gpkg").lower()
        packages = [one for one in files if _is_geopackage(one)]
        named = [one for one in packages if wanted in " ".join(one.values()).lower()]
        found = named or packages
        if len(found) != 1 or not found[0].get("@id"):
            raise MissingInput(
                f"{TITLE}: expected one GeoPackage among its files, found "
                f"{[one.get('file', '?') for one in found or files]}; get "
                f"{self.pin.name} by hand from {self.pin.home}"
            )
        return found[0]["@id"]

    def _unpack(self, packed: Path, target: Path) -> None:
        """The GeoPackage out of what came, in place if it is the pinned one."""
        part = target.with_name(f".{target.name}.part")
        try:
            with local_errors(target):
                if zipfile.is_zipfile(packed):
                    _extract(packed, part)
                else:  # the service may one day send it as it is
                    packed.replace(part)
                if not self.pin.matches(part):
                    raise ChangedUpstream(
                        f"{TITLE}: expected the pinned file ({self.pin.expected}), "
                        f"found another one of {part.stat().st_size} bytes; get "
                        f"{self.pin.name} by hand from {self.pin.home}"
                    )
                put_in_place(part, target)
        except (ChangedUpstream, CorruptProduct):
            packed.unlink(missing_ok=True)
            raise
        finally:
            part.unlink(missing_ok=True)


def corine_download(
    settings: Settings, pin: Pin, log: Callable[[str], None]
) -> CorineDownload | None:
    """As ``CLMS_SERVICE_KEY`` and ``CLMS_URL`` say; None where there is no key.

    Raises:
        MissingInput, InvalidInput: the key file is not there, or none.
    """
    path = settings.path("CLMS_SERVICE_KEY")
    if path is None:
        return None
    timeouts = Timeouts()
    url = settings.address("CLMS_URL", URL)
    clms = Clms(ClmsOptions(ServiceKey.read(path), url, timeouts), log)
    return CorineDownload(clms, pin, timeouts, clms.transport.quiet(log))


def _is_geopackage(described: dict[str, str]) -> bool:
    text = " ".join(described.values()).lower()
    return "geopackage" in text or "gpkg" in text


def _extract(packed: Path, part: Path, *, may_nest: bool = True) -> None:
    """The one GeoPackage of a zip, which may lie in a zip of its own inside."""
    try:
        with zipfile.ZipFile(packed) as archive:
            infos = [one for one in archive.infolist() if not one.is_dir()]
            found = [one for one in infos if one.filename.endswith(".gpkg")]
            inner = [one for one in infos if may_nest and one.filename.endswith(".zip")]
            chosen = found or inner
            if len(chosen) != 1 or chosen[0].file_size > _MOST_BYTES:
                names = [one.filename for one in infos[:10]]
                raise CorruptProduct(f"expected one GeoPackage in it, found {names}")
            if chosen[0].header_offset < 0:  # an OSError of the standard library
                raise zipfile.BadZipFile("its directory leads outside of it")
            require_space(part.parent, chosen[0].file_size)
            with archive.open(chosen[0]) as source, part.open("wb") as file:
                shutil.copyfileobj(source, file, _CHUNK)
    except ZIP_ERRORS as error:
        raise CorruptProduct(f"{packed.name} is damaged: {error}") from error
    if not found:
        nested = part.with_suffix(".inner")
        part.replace(nested)
        try:
            _extract(nested, part, may_nest=False)
        finally:
            nested.unlink(missing_ok=True)
