"""ESA's sen2cor as an L2A processor: run in an environment of its own, and checked.

Belongs here: one run, from command line to verified product. Not here: where sen2cor is
installed (``installation``), how processes are kept in check (``supervised``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import rasterio
from rasterio.errors import RasterioIOError

from ben_assets.bigearthnet.bands import BANDS, Band
from ben_assets.bigearthnet.errors import (
    BenError,
    InvalidInput,
    ProcessorFailed,
    ProcessorKilled,
    UnexpectedRaster,
)
from ben_assets.safe.band_rasters import raster_problems, read_band
from ben_assets.safe.jp2 import codestream_digest
from ben_assets.safe.l1c import L1CProduct, read_l1c
from ben_assets.safe.l2a import (
    L2A_METADATA,
    L2AProduct,
    image_files,
    read_l2a,
)
from ben_assets.safe.xml_files import parse_xml
from resources.sen2cor.dark_object import DarkObject
from resources.sen2cor.installation import (
    Installation,
    find_installation,
    parse_version,
    processor_mismatch,
    write_gipp,
)
from resources.sen2cor.processors import (
    PROCESSORS,
    SEN2COR,
    L2AProcessor,
    ProcessingResult,
    cores,
)
from resources.sen2cor.supervised import Outcome, run_supervised
from resources.settings import Settings

_BAND_IMAGE: Final = re.compile(r"_(B\d[\dA])_(\d0)m$")


def verify_output(folder: Path, l1c: L1CProduct) -> L2AProduct:
    """The one L2A product in ``folder``, made of ``l1c`` and whole.

    Whole: metadata with quality indicators; the 12 bands in native resolution decode
    and hold measured pixels; each further band image that the metadata list is
    readable, of the right size and CRS, and not cut short.

    Raises:
        BenError: it is not; says what is wrong with which file.
    """
    products = sorted(path for path in folder.glob("S2*_MSIL2A_*.SAFE"))
    if len(products) != 1:
        raise InvalidInput(
            f"expected exactly one L2A .SAFE in {folder.name}, found "
            f"{', '.join(path.name for path in products) or 'none'}"
        )
    product = read_l2a(products[0])
    _require_same_tile(product, l1c)
    if not product.quality:
        raise InvalidInput(f"{product.path / L2A_METADATA}: no quality indicators")
    _verify_band_images(product)
    for band in BANDS:
        if not read_band(product, band).any():
            raise UnexpectedRaster(
                f"{product.band_files[band.name].name}: no measured pixel"
            )
    return product


def _require_same_tile(product: L2AProduct, l1c: L1CProduct) -> None:
    found = (product.name.acquisition, product.geocoding)
    expected = (l1c.name.acquisition, l1c.geocoding)
    if found != expected:
        raise InvalidInput(
            f"{product.path.name}: expected the acquisition, place and size of its L1C "
            f"product, {expected}, found {found}"
        )


def _verify_band_images(product: L2AProduct) -> None:
    listed = image_files(parse_xml(product.path / L2A_METADATA), product.path)
    problems = []
    for path in listed:
        if match := _BAND_IMAGE.search(path.stem):
            problems += _image_problems(product, path, Band(match[1], int(match[2])))
    if problems:
        raise UnexpectedRaster(f"{product.path.name}: " + "; ".join(problems))


def _image_problems(product: L2AProduct, path: Path, band: Band) -> list[str]:
    """What is wrong with one image of a band, in the resolution of ``band``."""
    try:
        codestream_digest(path)
        with rasterio.open(path) as raster:
            return raster_problems(raster, product.geocoding, band, path.name)
    except FileNotFoundError:
        return [f"{path.name} is missing"]
    except UnexpectedRaster as error:
        return [str(error)]
    except RasterioIOError as error:
        return [f"{path.name} is not readable ({error})"]


_DEFAULT_TIMEOUT_SECONDS: Final = 4 * 3600  # a tile takes well under one hour
_HELP_TIMEOUT_SECONDS: Final = 60
_PROGRESS: Final = re.compile(r"Progress\[%\]:\s*(\d+(?:\.\d+)?)\s*:\s*(.*)")
_PROGRESS_STEP: Final = 10
# SIGKILL and SIGTERM, also as a shell around the program reports them
_KILLED: Final = (-9, -15, 137, 143)
_UNKNOWN: Final = "unknown"


class Sen2Cor(L2AProcessor):
    """sen2cor in a scratch folder, with a clean environment and an explicit GIPP."""

    def __init__(self, settings: Settings) -> None:
        """Read ``SEN2COR_BIN``, ``SEN2COR_HOME`` and ``BEN_SEN2COR_TIMEOUT_S``."""
        self._settings = settings
        self._cores = cores(settings)
        self._timeout_seconds = settings.positive(
            "BEN_SEN2COR_TIMEOUT_S", _DEFAULT_TIMEOUT_SECONDS
        )

    def process(
        self, l1c_safe: Path, target: Path, log: Callable[[str], None]
    ) -> ProcessingResult:
        """Make the L2A product; see L2AProcessor."""
        installation = find_installation(self._settings)
        l1c = read_l1c(l1c_safe)
        log_file = self._log_file(l1c)
        work, output = target / "work", target / "output"
        work.mkdir()
        output.mkdir()
        environment = self._environment(installation, work)
        gipp_path = work / "L2A_GIPP.xml"
        gipp_digest = write_gipp(installation.gipp(), gipp_path, self._cores)
        lines = _Lines(log)
        log(f"{installation.program} starts; its whole output goes to {log_file}")
        outcome = run_supervised(
            [
                *(installation.program, "--output_dir", output),
                *("--GIP_L2A", gipp_path, l1c_safe),
            ],
            folder=work,
            environment=environment,
            log_file=log_file,
            timeout_seconds=self._timeout_seconds,
            on_line=lines.take,
        )
        product = _whole_product(outcome, output, l1c, log_file)
        version = lines.version or self._asked_version(installation, work, environment)
        return ProcessingResult(
            product=product.path,
            processor=SEN2COR,
            version=version,
            parameters={"gipp_sha256": gipp_digest},
            cores=self._cores,
            seconds=outcome.seconds,
            peak_memory_bytes=outcome.peak_memory_bytes,
            warnings=tuple(_warnings(version, outcome)),
            log_file=log_file,
        )

    def _log_file(self, l1c: L1CProduct) -> Path:
        """Outside of the scratch folder: it is to outlive a run that fails."""
        folder = self._settings.data_dir / ".logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{l1c.name.name}.log"

    def _environment(self, installation: Installation, work: Path) -> dict[str, str]:
        """Nothing of ours but the PATH: sen2cor brings its own Python and GDAL."""
        temporary = work / "tmp"
        temporary.mkdir()
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            # With a decimal comma sen2cor reads and writes wrong numbers.
            "LC_ALL": "C",
            "LANG": "C",
            "TZ": "UTC",
            "TMPDIR": str(temporary),
            "OMP_NUM_THREADS": str(self._cores),
            "SEN2COR_N_CORES": str(self._cores),
            **installation.prepare_home(work / "home"),
        }
        package = self._settings.path("SEN2COR_BIN")
        if package is not None and package.is_dir():  # as ESA's L2A_Bashrc sets it
            environment["SEN2COR_BIN"] = str(package)
        return environment

    def _asked_version(
        self, installation: Installation, work: Path, environment: dict[str, str]
    ) -> str:
        """What ``L2A_Process --help`` says, if it says anything."""
        said: list[str] = []
        try:
            run_supervised(
                [installation.program, "--help"],
                folder=work,
                environment=environment,
                log_file=work / "help.log",
                timeout_seconds=min(self._timeout_seconds, _HELP_TIMEOUT_SECONDS),
                on_line=lambda line: said.append(line) if len(said) < 200 else None,
            )
        except ProcessorFailed:
            return _UNKNOWN
        return parse_version("\n".join(said)) or _UNKNOWN


class _Lines:
    """Takes sen2cor's output: every tenth per cent is logged, the rest is not."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self.version: str | None = None
        self._log = log
        self._next = 0.0

    def take(self, line: str) -> None:
        """One line of output."""
        progress = _PROGRESS.search(line)
        if progress is None:
            self.version = self.version or parse_version(line)
        elif (percent := float(progress[1])) >= self._next:
            self._next = percent - percent % _PROGRESS_STEP + _PROGRESS_STEP
            self._log(f"sen2cor {percent:.0f} %: {progress[2][:200]}")


def _whole_product(
    outcome: Outcome, output: Path, l1c: L1CProduct, log_file: Path
) -> L2AProduct:
    """The product of a run; neither its exit code nor its last line is a proof."""
    said = " | ".join(outcome.tail[-5:]) or "nothing"
    if outcome.exit_code in _KILLED:
        raise ProcessorKilled(
            f"sen2cor was killed from outside (exit code {outcome.exit_code}); see the "
            f"system's log (out of memory?) and {log_file}; it last said: {said}"
        )
    if outcome.exit_code != 0:
        raise ProcessorFailed(
            f"sen2cor failed with exit code {outcome.exit_code} on {l1c.name.name}; "
            f"see {log_file}; it last said: {said}"
        )
    try:
        return verify_output(output, l1c)
    except BenError as error:
        raise ProcessorFailed(
            f"sen2cor ended with exit code 0, but without a whole product of "
            f"{l1c.name.name}: {error}; see {log_file}; it last said: {said}"
        ) from error


def _warnings(version: str, outcome: Outcome) -> list[str]:
    difference = processor_mismatch(SEN2COR, version)
    warnings = [] if difference is None else [difference]
    if outcome.left_behind:
        warnings.append(
            f"sen2cor left {outcome.left_behind} processes running, which were killed"
        )
    return warnings


def l2a_processor(settings: Settings) -> L2AProcessor:
    """The processor that ``BEN_L2A_PROCESSOR`` names.

    Raises:
        InvalidInput: it has another value.
    """
    if settings.choice("BEN_L2A_PROCESSOR", PROCESSORS) == SEN2COR:
        return Sen2Cor(settings)
    return DarkObject(cores(settings))
