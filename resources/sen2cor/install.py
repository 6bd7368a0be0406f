"""Install ESA's sen2cor 2.11 without running its installer: ``make sen2cor``.

``python -m resources.sen2cor.install [--file F] [--accept-licence] [--target FOLDER]``

The installer is a makeself archive: a shell script with a compressed tar behind it. Its
digest is checked, the tar is unpacked, and nothing of it is executed.
Source of the format: makeself 2 (https://makeself.io), header variables.
"""

from __future__ import annotations

import argparse
import gzip
import re
import shutil
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ben_assets.bigearthnet.checksums import file_digest
from ben_assets.bigearthnet.errors import (
    BenError,
    ChecksumMismatch,
    CorruptProduct,
    InvalidInput,
    MissingInput,
    ProductGone,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.plain_files import open_plain
from resources.data_root.files import local_errors
from resources.settings import REPOSITORY
from resources.transfers.download import PublicFile, download
from resources.transfers.timeouts import Timeouts
from resources.transfers.transfer import Expected

INSTALLER: Final = "Sen2Cor-02.11.00-Linux64.run"
URL: Final = f"https://step.esa.int/thirdparties/sen2cor/2.11.0/{INSTALLER}"
SHA256: Final = "8c4aad32549d191cf57e5349dc9785bf807de07c93ea182d711ac89e0d086f75"
DEFAULT_TARGET: Final = REPOSITORY / ".sen2cor"

_LICENCE: Final = f"""\
sen2cor is software of the European Space Agency and others. ESA's licence applies to
it, not that of this project; this project must not pass it on. Read the licence on
https://step.esa.int/main/snap-supported-plugins/sen2cor/ before you accept it.
Installer: {URL}
"""
_HEADER_BYTES: Final = 1 << 20
_HEADER_LINES: Final = re.compile(rb'(?:^skip="?|head -n )(\d+)', re.MULTILINE)
_MOST_BYTES: Final = 2 << 30
"""The installer has 400 MB."""
_TOTAL_SECONDS: Final = 2 * 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see the module.

    Returns:
        0 installed, 1 it failed, 2 the licence was not accepted.
    """
    options = _parser().parse_args(arguments)
    print(_LICENCE)
    if not (options.accept_licence or _accepts()):
        print("not accepted: nothing was fetched or unpacked (--accept-licence)")
        return 2
    try:
        with local_errors(options.target):
            program = install(options.file, options.target)
    except BenError as error:
        print(f"[{error.failure_class}] {error}", file=sys.stderr)
        return 1
    print(
        f"unpacked, nothing of it was run. Settings for .env:\n\nSEN2COR_BIN={program}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m resources.sen2cor.install", description="Install ESA's sen2cor 2.11."
    )
    parser.add_argument("--file", type=Path, help=f"a local {INSTALLER}")
    parser.add_argument("--target", type=Path, default=DEFAULT_TARGET)
    parser.add_argument("--accept-licence", action="store_true")
    return parser


def _accepts() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Do you accept ESA's licence of sen2cor? [y/N] ").lower() == "y"


def install(
    local: Path | None, target: Path, *, url: str = URL, sha256: str = SHA256
) -> Path:
    """Unpack sen2cor into a folder of ``target`` and return its ``L2A_Process``.

    Args:
        local: the installer, if it is here already.
        target: made if need be; an installation in it is replaced when it is whole.
        url: where to get the installer otherwise.
        sha256: what the installer must be.

    Raises:
        ServiceUnavailable: it cannot be fetched now.
        ChecksumMismatch: the installer is not ESA's.
        InvalidInput: it is not the kind of archive that is expected.
    """
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".unpacking-") as scratch:
        installer = local or _fetch(url, Path(scratch) / INSTALLER)
        _require_digest(installer, sha256)
        unpacked = Path(scratch) / "unpacked"
        unpack_makeself(installer, unpacked)
        program = _program(unpacked)
        final = target / INSTALLER.removesuffix(".run")
        if final.exists():
            shutil.rmtree(final)
        root = program.parents[1]
        root.rename(final)
    return final / program.relative_to(root)


def unpack_makeself(installer: Path, folder: Path) -> None:
    """Unpack the payload of a makeself archive into ``folder``; execute nothing.

    Raises:
        InvalidInput: there is no gzip-compressed tar behind the header, or a member of
            it would leave ``folder``.
    """
    with open_plain(installer) as file:
        header = file.read(_HEADER_BYTES)
        lines = _HEADER_LINES.search(header)
        if not header.startswith(b"#!") or lines is None:
            raise InvalidInput(f"{installer}: not a makeself archive")
        try:
            file.seek(_length_of_lines(header, int(lines[1])))
            with (
                gzip.open(file) as payload,
                tarfile.open(fileobj=payload, mode="r|") as archive,
            ):
                archive.extractall(folder, filter="data")
        except (tarfile.TarError, OSError, EOFError, ValueError, zlib.error) as error:
            raise InvalidInput(f"{installer}: cannot be unpacked: {error}") from error


def _length_of_lines(content: bytes, lines: int) -> int:
    end = 0
    for _ in range(lines):
        end = content.index(b"\n", end) + 1
    return end


def _program(folder: Path) -> Path:
    found = sorted(folder.glob("**/bin/L2A_Process"))
    if not found:
        raise InvalidInput(f"{INSTALLER}: expected bin/L2A_Process in it, found none")
    found[0].chmod(0o755)
    return found[0]


def _require_digest(installer: Path, sha256: str) -> None:
    try:
        found = file_digest(installer)
    except FileNotFoundError as error:
        raise MissingInput(f"{installer}: no such file; get it from {URL}") from error
    if found != sha256:
        raise ChecksumMismatch(
            f"{installer}: expected SHA-256 {sha256}, found {found}; this is not ESA's "
            f"{INSTALLER}, nothing was unpacked"
        )


def _fetch(url: str, path: Path) -> Path:
    """Download the installer; its digest is checked by the caller."""
    print(f"fetching {url}")
    file = PublicFile(INSTALLER, url, Expected(most_bytes=_MOST_BYTES))
    try:
        download(file, path, Timeouts(total_seconds=_TOTAL_SECONDS), print)
    except (ServiceUnavailable, ProductGone, CorruptProduct) as error:
        raise type(error)(
            f"{url} cannot be fetched: {error}; try later, or get the file by a "
            "browser and give it with --file"
        ) from error
    return path


if __name__ == "__main__":
    sys.exit(main())
