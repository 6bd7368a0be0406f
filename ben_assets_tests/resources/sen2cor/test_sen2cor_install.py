"""Unpacking ESA's installer, with an archive of the same kind made here."""

import contextlib
import gzip
import hashlib
import http.server
import io
import os
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    ChecksumMismatch,
    InvalidInput,
    MissingInput,
    ProductGone,
)
from resources.sen2cor.install import install, main, unpack_makeself

REPOSITORY = Path(__file__).resolve().parents[3]


def makeself(path, names=("./bin/L2A_Process", "./L2A_Bashrc"), skip='skip="4"'):
    """A makeself archive whose header and startup script would leave a trace."""
    trace = path.with_name("executed")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            content = f"#!/bin/sh\ntouch {trace}\n".encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            archive.addfile(member, io.BytesIO(content))
    header = f'#!/bin/sh\n{skip}\ntouch {trace}\nlabel="Sen2Cor"\n'
    path.write_bytes(header.encode() + gzip.compress(packed.getvalue()))
    return path


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def installer(tmp_path):
    return makeself(tmp_path / "Sen2Cor.run")


@pytest.mark.parametrize("skip", ['skip="4"', 'offset=`head -n 4 "$0" | wc -c`'])
def test_it_unpacks_and_runs_nothing(tmp_path, skip):
    installer = makeself(tmp_path / "Sen2Cor.run", skip=skip)
    program = install(installer, tmp_path / "target", sha256=digest(installer))
    assert program == (tmp_path / "target/Sen2Cor-02.11.00-Linux64/bin/L2A_Process")
    assert os.access(program, os.X_OK)
    assert not (tmp_path / "executed").exists()
    assert [path.name for path in (tmp_path / "target").iterdir()] == [
        "Sen2Cor-02.11.00-Linux64"
    ]


def test_a_second_installation_replaces_the_first(tmp_path, installer):
    for _ in range(2):
        program = install(installer, tmp_path / "target", sha256=digest(installer))
    assert program.is_file()


def test_another_file_is_refused_before_it_is_unpacked(tmp_path, installer):
    with pytest.raises(ChecksumMismatch, match=r"expected SHA-256 8c4aad.*nothing was"):
        install(installer, tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingInput, match=r"none\.run: no such file"):
        install(tmp_path / "none.run", tmp_path / "target")


@pytest.mark.parametrize(
    "name", ["../outside", "/outside"], ids=["climbing", "absolute"]
)
def test_a_member_that_leaves_the_folder_does_not(tmp_path, name):
    """A climbing one is refused; an absolute one lands inside."""
    installer = makeself(tmp_path / "Sen2Cor.run", names=("bin/L2A_Process", name))
    with contextlib.suppress(InvalidInput):
        unpack_makeself(installer, tmp_path / "target" / "deep")
    assert not (tmp_path / "target" / "outside").exists()
    assert not Path("/outside").exists()


@pytest.mark.parametrize(
    "content",
    [b"<html>sorry</html>", b'#!/bin/sh\nskip="2"\nx', b'#!/bin/sh\nskip="9"\n'],
)
def test_what_is_no_makeself_archive_is_refused(tmp_path, content):
    path = tmp_path / "Sen2Cor.run"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=r"not a makeself|cannot be unpacked"):
        unpack_makeself(path, tmp_path / "target")


def test_it_is_fetched_from_its_home(tmp_path, installer):
    with serve(tmp_path) as url:
        program = install(
            None,
            tmp_path / "target",
            url=f"{url}/{installer.name}",
            sha256=digest(installer),
        )
        assert program.is_file()
        with pytest.raises(ProductGone, match="--file"):
            install(None, tmp_path / "target", url=f"{url}/none.run")


class serve:  # noqa: N801
    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        folder = str(self.folder)

        class Handler(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=folder)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *args):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def test_the_licence_must_be_accepted(tmp_path, installer):
    command = [sys.executable, "-m", "resources.sen2cor.install", "--file", installer]
    ended = subprocess.run(
        [*command, "--target", tmp_path / "target"],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "ESA's licence applies" in ended.stdout
    assert not (tmp_path / "target").exists()


def test_the_command_reports_a_wrong_file(tmp_path, installer, capsys):
    arguments = ["--file", str(installer), "--target", str(tmp_path / "target")]
    assert main([*arguments, "--accept-licence"]) == 1
    assert "expected SHA-256" in capsys.readouterr().err
