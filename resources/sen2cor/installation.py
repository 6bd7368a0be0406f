"""Where sen2cor is installed, which version it is, and the home and GIPP of a run.

Source: ESA's installation and user manual of Sen2Cor 2.11; observed option lists.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import sha256_of_bytes
from ben_assets.bigearthnet.errors import LocalResourceError
from ben_assets.bigearthnet.plain_files import read_plain
from resources.sen2cor.gipp import default_gipp, with_threads
from resources.settings import Settings

REQUIRED_VERSION: Final = "2.11"
"""What BigEarthNet v2 was made with; another one gives other bytes."""

_PROGRAM: Final = "L2A_Process"
_GIPP: Final = "L2A_GIPP.xml"
_CONFIGURATION: Final = "lib/python2.7/site-packages/sen2cor/cfg"
_VERSION: Final = re.compile(
    r"(?:Sen2Cor|Processor|L2A_Process)\b[^\n]{0,40}?(?<![\d.])(\d{1,2})\.(\d+)(?:\.(\d+))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Installation:
    """A sen2cor on this machine."""

    program: Path
    """The ``L2A_Process`` to execute."""
    home: Path | None
    """``SEN2COR_HOME``: the user's folder with ``cfg`` and ``dem``, if set."""

    def gipp(self) -> bytes:
        """The processing parameters: the user's, the installation's or our own.

        Our own are sen2cor's defaults, for installations that hide their files behind
        a wrapper.
        """
        folders = [self.program.resolve().parents[1] / _CONFIGURATION]
        if self.home is not None:
            folders.insert(0, self.home / "cfg")
        for folder in folders:
            if (folder / _GIPP).is_file():
                return read_plain(folder / _GIPP)
        return default_gipp()

    def prepare_home(self, folder: Path) -> dict[str, str]:
        """Make a home that a run can write to, and the variables that lead there.

        The user's own home may be read-only, and runs side by side must not share one.
        """
        folder.mkdir()
        if self.home is None:
            return {"HOME": str(folder)}
        home = folder / "sen2cor"
        (home / "log").mkdir(parents=True)
        if (self.home / "cfg").is_dir():
            # without modes: a copy of a read-only folder must be writable
            shutil.copytree(self.home / "cfg", home / "cfg", copy_function=_copy)
            for copied in (home / "cfg", *(home / "cfg").rglob("*/")):
                copied.chmod(0o755)
        if (self.home / "dem").is_dir():
            (home / "dem").symlink_to(self.home / "dem")
        return {"HOME": str(folder), "SEN2COR_HOME": str(home)}


def _copy(source: str, target: str) -> None:
    shutil.copyfile(source, target)


def find_installation(settings: Settings) -> Installation:
    """Look for sen2cor in ``SEN2COR_BIN``, in ``SEN2COR_HOME`` and on the PATH.

    Raises:
        LocalResourceError: it is not there; says how to get it.
    """
    home = settings.path("SEN2COR_HOME")
    for candidate in _candidates(settings.text("SEN2COR_BIN"), home, settings):
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return Installation(candidate, home)
    raise LocalResourceError(
        f"sen2cor is not here: expected an executable {_PROGRAM} named by SEN2COR_BIN "
        f"({settings.text('SEN2COR_BIN') or 'not set'}), in SEN2COR_HOME/bin "
        f"({home or 'not set'}) or on the PATH; install it with 'make sen2cor', name "
        "existing L2A products by BEN_L2A_DIR, or, for development only, set "
        "BEN_L2A_PROCESSOR=dark-object"
    )


def _candidates(named: str | None, home: Path | None, settings: Settings) -> list[Path]:
    """Where the program may be. ESA's own SEN2COR_BIN is a folder without it."""
    found: list[Path] = []
    if named is not None:
        at = settings.path("SEN2COR_BIN") or Path(named)
        if not at.is_dir():
            at_path = None if "/" in named else shutil.which(named)
            return [Path(at_path) if at_path else at]
        found += [at / _PROGRAM, at / "bin" / _PROGRAM]
    if home is not None:
        found.append(home / "bin" / _PROGRAM)
    on_path = shutil.which(_PROGRAM)
    return [*found, *([Path(on_path)] if on_path else [])]


def parse_version(text: str) -> str | None:
    """The version that sen2cor states in a text, without leading zeros.

    >>> parse_version("Sentinel-2 Level 2A Processor (Sen2Cor). Version: 2.11.0, ...")
    '2.11.0'
    """
    match = _VERSION.search(text)
    if match is None:
        return None
    return ".".join(str(int(part)) for part in match.groups() if part is not None)


def is_required_version(version: str) -> bool:
    """Whether ``version`` is 2.11, whatever its patch level.

    >>> is_required_version("2.11.0"), is_required_version("2.10")
    (True, False)
    """
    return version.split(".")[:2] == REQUIRED_VERSION.split(".")


def processor_mismatch(processor: str, version: str) -> str | None:
    """How the maker of a product differs from that of BigEarthNet v2, or None."""
    if processor == "sen2cor" and is_required_version(version):
        return None
    found = processor if version == "unknown" else f"{processor} {version}"
    return (
        f"made with {found}, expected sen2cor {REQUIRED_VERSION}: the "
        "product's bytes may differ from those of BigEarthNet"
    )


def write_gipp(content: bytes, path: Path, cores: int) -> str:
    """Write the parameters of a run, with its number of threads.

    Returns:
        SHA-256 of ``content``, so without the threads, which decide no pixel.
    """
    path.write_bytes(with_threads(content, cores))
    return sha256_of_bytes(content)
