"""A private PostgreSQL server with PostGIS on loopback: start, stop, print its DSN.

Made from the system's packages (Debian: postgresql, postgresql-15-postgis-3) with the
standard library alone. PostgreSQL refuses to run as root: started by root, the server
runs as the user ``postgres``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

PACKAGES: Final = "postgresql postgresql-15-postgis-3"
"""Debian 12 packages that this needs; other releases have another number for 15."""

_USER: Final = "ben"
DATABASES: Final = (_USER, "dagster")
"""Databases that ``start`` makes: for the data set, and for Dagster's own state."""

_STATE: Final = "server.json"


class ServerError(Exception):
    """The server cannot be started or stopped; the message says why."""


@dataclass(frozen=True)
class Server:
    """A server that was made by ``create``."""

    bin_dir: str
    """Folder of ``postgres``, ``initdb`` and ``pg_ctl``."""
    data_dir: str
    """Its data folder."""
    port: int
    """Its port on 127.0.0.1."""
    password: str
    """Password of its only user."""

    def dsn(self, database: str = _USER) -> str:
        """Connection string for one of its databases."""
        return f"postgresql://{_USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def is_running(self) -> bool:
        """Whether it accepts commands or is about to."""
        return _run(self, "pg_ctl", "status", check=False).returncode == 0

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        log = f"{self.data_dir}/server.log"
        options = f"-p {self.port}"
        _run(self, "pg_ctl", "start", "-w", "-t", "60", "-l", log, "-o", options)

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` rolls back what is open, ``immediate`` is a crash."""
        _run(self, "pg_ctl", "stop", "-w", "-m", mode)

    def postmaster_pid(self) -> int:
        """Process id of the server."""
        return int(Path(self.data_dir, "postmaster.pid").read_text().split()[0])


def find_bin_dir() -> Path | None:
    """Folder of the newest PostgreSQL that has PostGIS, or None."""
    versions = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin"), key=_version)
    on_path = shutil.which("initdb")
    candidates = [*reversed(versions), *([Path(on_path).parent] if on_path else [])]
    return next((path for path in candidates if _has_postgis(path)), None)


def _version(bin_dir: Path) -> float:
    return float(bin_dir.parent.name)


def _has_postgis(bin_dir: Path) -> bool:
    if not (bin_dir / "pg_config").exists() or not (bin_dir / "initdb").exists():
        return False
    command = [str(bin_dir / "pg_config"), "--sharedir"]
    share = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return Path(share.strip(), "extension", "postgis.control").exists()


def create(folder: Path, bin_dir: Path | None = None, *settings: str) -> Server:
    """Make a server in a folder that is absent or empty; it is not started.

    Args:
        folder: for its state and, where the server's user can reach it, its data.
        bin_dir: another PostgreSQL than the newest with PostGIS.
        settings: further lines of ``postgresql.conf``.

    Raises:
        ServerError: no PostgreSQL with PostGIS, or ``initdb`` failed.
    """
    programs = bin_dir or find_bin_dir()
    if programs is None:
        raise ServerError(
            f"no PostgreSQL with PostGIS found; install: apt-get install {PACKAGES}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    data_dir = _make_data_dir(folder)
    server = Server(str(programs), str(data_dir), _free_port(), secrets.token_hex(16))
    password_file = data_dir.with_name(f"{data_dir.name}.password")
    password_file.write_text(server.password)
    _give(password_file)
    _run(
        server,
        "initdb",
        "--auth=scram-sha-256",
        f"--pwfile={password_file}",
        f"--username={_USER}",
        "--encoding=UTF8",
        "--locale=C",
    )
    password_file.unlink()
    lines = (
        "listen_addresses = '127.0.0.1'",
        "unix_socket_directories = ''",
        "timezone = 'UTC'",
        *settings,
    )
    with (data_dir / "postgresql.conf").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    state = folder / _STATE
    state.touch(mode=0o600)
    state.write_text(json.dumps(asdict(server)))
    return server


def load(folder: Path) -> Server | None:
    """The server that was made in a folder, or None."""
    state = folder / _STATE
    return Server(**json.loads(state.read_text())) if state.exists() else None


def remove(folder: Path) -> None:
    """Stop the server of a folder and delete it with all its data."""
    server = load(folder)
    if server is not None:
        if server.is_running:
            server.stop("immediate")
        shutil.rmtree(server.data_dir, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _make_data_dir(folder: Path) -> Path:
    """A folder of the server's user; in a temporary folder where it must be."""
    path = folder.resolve() / "data"
    path.mkdir(mode=0o700, exist_ok=True)
    _give(path)
    if subprocess.run([*_as_owner(), "test", "-w", str(path)], check=False).returncode:
        path.rmdir()
        name = hashlib.sha256(str(path).encode()).hexdigest()[:12]
        path = Path(tempfile.gettempdir(), f"ben-postgis-{name}")
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        _give(path)
    return path


def _as_owner() -> list[str]:
    return [] if os.getuid() else ["runuser", "-u", "postgres", "--"]


def _give(path: Path) -> None:
    """Hand a file over to the user that the server runs as."""
    if os.getuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            raise ServerError(
                "no user postgres, whom root would run the server as; install: "
                f"apt-get install {PACKAGES}"
            ) from None
        os.chown(path, owner.pw_uid, owner.pw_gid)
    path.chmod(0o700)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _run(
    server: Server, program: str, *arguments: str, check: bool = True
) -> subprocess.CompletedProcess[str]:
    # pg_ctl's child keeps stdout open: to a file, as a pipe would never end
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [
                *_as_owner(),
                f"{server.bin_dir}/{program}",
                "-D",
                server.data_dir,
                *arguments,
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            check=False,
        )
        output.seek(0)
        text = output.read()
    if check and done.returncode:
        raise ServerError(f"{program} of {server.data_dir} failed: {text.strip()}")
    return done


def main() -> int:
    """``start``, ``stop`` or ``dsn`` of the server in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=("start", "stop", "dsn"))
    parser.add_argument("--folder", type=Path, default=Path(".postgis"))
    parser.add_argument("--database", choices=DATABASES, default=_USER)
    given = parser.parse_args()
    try:
        if given.command == "start":
            _start(given.folder)
        server = load(given.folder)
        if given.command == "stop":
            if server is not None and server.is_running:
                server.stop()
            return 0
        if server is None:
            raise ServerError(f"no server in {given.folder}; run: make postgis")
    except ServerError as error:
        print(error, file=sys.stderr)
        return 2
    print(server.dsn(given.database))
    return 0


def _start(folder: Path) -> None:
    """Start the server of a folder, made if need be, with its databases."""
    server = load(folder) or create(folder)
    if not server.is_running:
        server.start()
    for database in DATABASES:
        _make_database(server, database)


def _make_database(server: Server, database: str) -> None:
    connection = ["-h", "127.0.0.1", "-p", str(server.port), "-U", _USER]
    done = subprocess.run(
        [f"{server.bin_dir}/createdb", *connection, database],
        env={**os.environ, "PGPASSWORD": server.password},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "already exists" not in done.stderr:
        raise ServerError(f"createdb {database} failed: {done.stderr.strip()}")


if __name__ == "__main__":
    sys.exit(main())
