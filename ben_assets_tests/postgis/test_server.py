"""``make postgis``: a private server that can be started, found and stopped again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg2
import pytest

from ben_assets.testing import postgis_server
from resources.settings import REPOSITORY

pytestmark = pytest.mark.real_server


@pytest.fixture
def folder(server: postgis_server.Server):
    """The session's server is asked for just to skip where there is none."""
    root = Path(tempfile.mkdtemp(prefix="ben-postgis-"))
    root.chmod(0o755)
    yield root / "server"
    postgis_server.remove(root / "server")
    shutil.rmtree(root)


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = REPOSITORY / "ben_assets" / "testing" / "postgis_server.py"
    return subprocess.run(
        [sys.executable, str(script), *arguments, "--folder", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_server_keeps_address_and_data_over_a_restart(folder):
    first = command(folder, "start")
    assert first.returncode == 0, first.stderr
    dsn = first.stdout.strip()
    with psycopg2.connect(dsn) as link:
        link.cursor().execute("CREATE TABLE kept (n int)")
    link.close()
    assert command(folder, "start").stdout.strip() == dsn
    state = command(folder, "dsn", "--database", "dagster").stdout.strip()
    psycopg2.connect(state).close()
    assert command(folder, "stop").returncode == 0
    with pytest.raises(psycopg2.OperationalError, match="refused"):
        psycopg2.connect(dsn)
    assert command(folder, "start").stdout.strip() == dsn
    with psycopg2.connect(dsn) as link:
        link.cursor().execute("SELECT FROM kept")
    link.close()


def test_a_folder_that_the_servers_user_cannot_enter_holds_the_state_alone(folder):
    """As a clone below a private home folder, when started by root."""
    folder.parent.chmod(0o700)
    server = postgis_server.create(folder)
    assert postgis_server.load(folder) == server
    server.start()
    assert server.is_running


def test_without_a_server_there_is_no_dsn(folder):
    done = command(folder, "dsn")
    assert done.returncode == 2
    assert "make postgis" in done.stderr
    assert command(folder, "stop").returncode == 0


def test_others_cannot_read_the_password(folder):
    command(folder, "start")
    assert (folder / "server.json").stat().st_mode & 0o077 == 0
