"""``make clients``: programs of others read a release of synthetic data, unmodified.

``python -m clients [NAME ...]`` runs some of them. Each has an environment of its own
below ``.clients``, made by uv and kept; none is in the lock. What cannot be had is
``not run: <why>``; with ``CLIENTS_ALL=1`` that is a failure. rico-hdl is on no
registry: ``RICO_HDL`` names a checkout of it. torchgeo and ConfigILM bring PyTorch, as
PyPI's CUDA build: 9 GB together.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ben_assets.steps.publishing import publish_folder
from ben_assets.synthetic.dataset import make_synthetic_data
from ben_assets.synthetic.tiles import DEMO_TILES, OWN_TILE
from ben_assets_tests.support.pipeline import Pipeline
from resources.settings import REPOSITORY

FOLDER: Final = REPOSITORY / ".clients"
_CHECKS: Final = Path(__file__).parent / "checks"
_INSTALL_SECONDS: Final = 1800
_CHECK_SECONDS: Final = 600


@dataclass(frozen=True)
class Client:
    """A program of others."""

    name: str
    """Name of its environment, and of its script in ``checks``."""
    python: str
    """Python version that it wants."""
    requirements: tuple[str, ...]
    """What is installed for it."""
    variable: str | None = None
    """Names a checkout to install where it is on no registry."""
    program: tuple[str, ...] = ()
    """Names of a program that it starts, the one that it asks for first."""


CLIENTS: Final = (
    Client(
        "formats",
        "3.11",
        ("duckdb", "lmdb", "numpy", "pyarrow", "safetensors", "zstandard"),
    ),
    Client("geoparquet", "3.11", ("geoparquet-validator==0.2.0",)),
    Client("duckdb", "3.11", ("duckdb>=2",)),
    Client("mlcroissant", "3.11", ("mlcroissant==1.1.1", "pyarrow", "setuptools")),
    Client("webdataset", "3.11", ("webdataset==1.0.2", "safetensors", "numpy")),
    Client("datasets", "3.11", ("datasets==5.2.0", "safetensors", "numpy")),
    Client("torchgeo", "3.12", ("torchgeo==0.10.1", "pyarrow", "safetensors")),
    Client(  # its extra "full" wants a pyarrow that pandas refuses
        "configilm",
        "3.11",
        ("configilm==0.7.1", "numpy<2", "pyarrow>=13,<21", "pandas", "lmdb"),
    ),
    Client("rico_hdl", "3.11", (), "RICO_HDL", ("fd", "fdfind")),  # fdfind: Debian
)


class NotRun(Exception):
    """A client cannot be had here; the message says why."""


def main() -> int:
    """Run clients and print one line for each; 1 if one fails."""
    parser = argparse.ArgumentParser("python -m clients")
    names = [client.name for client in CLIENTS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    wanted = parser.parse_args().names or names
    if unknown := set(wanted) - set(names):
        parser.error(f"no client {', '.join(sorted(unknown))}: {', '.join(names)}")
    _say("making a release of synthetic data: a minute or two")
    release = _make_release(FOLDER / "release")
    is_strict = os.environ.get("CLIENTS_ALL") == "1"
    has_failed = False
    for client in CLIENTS:
        if client.name in wanted:
            outcome, is_fine = _outcome(client, release, is_strict)
            print(f"{client.name:14}{outcome}", flush=True)
            has_failed |= not is_fine
    return 1 if has_failed else 0


def _outcome(client: Client, release: Path, is_strict: bool) -> tuple[str, bool]:
    try:
        return _run(client, release)
    except NotRun as reason:
        return f"not run: {reason}", not is_strict


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _make_release(folder: Path) -> Path:
    """A release in ``folder/data``, and as it is published in ``folder/published``."""
    shutil.rmtree(folder, ignore_errors=True)
    inputs = make_synthetic_data(
        folder / "inputs", tiles=(*DEMO_TILES, OWN_TILE), l1c=False
    )
    pipeline = Pipeline(inputs, folder)
    for key in pipeline.keys:
        pipeline.make_tile(key)
    pipeline.make_release()
    pipeline.make_training()
    publish_folder(pipeline.ctx(), folder / "published")
    return folder


def _run(client: Client, release: Path) -> tuple[str, bool]:
    """What a client said last, and whether it is content.

    Raises:
        NotRun: it cannot be had.
    """
    python = _environment(client)
    script = _CHECKS / f"{client.name}.py"
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(release / "huggingface"),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }
    try:
        done = subprocess.run(
            [str(python), str(script), str(release)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"failed: no end within {_CHECK_SECONDS} seconds", False
    if done.returncode == 0:
        return f"fine: {_last_line(done.stdout)}", True
    sys.stderr.write(done.stderr)
    return f"failed: {_last_line(done.stderr or done.stdout)}", False


def _last_line(text: str) -> str:
    return (text.strip() or "no output").splitlines()[-1]


def _environment(client: Client) -> Path:
    """The Python of a client's environment, which is made where it is not there.

    Raises:
        NotRun: uv, Python, a package, a checkout or a program cannot be had.
    """
    wanted = [*client.requirements, *_checkout(client)]
    program = _program(client)
    folder = FOLDER / client.name
    python, stamp = folder / "bin" / "python", folder / "installed"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return python
    _say(f"{client.name}: installing it in .clients/{client.name}")
    interpreter = _interpreter(client.python)
    uv = str(Path(sys.executable).with_name("uv"))
    _try(uv, "venv", "--quiet", "--clear", "--python", interpreter, str(folder))
    _try(uv, "pip", "install", "--quiet", "--python", str(python), *wanted)
    if program is not None:
        python.with_name(client.program[0]).symlink_to(program)
    stamp.write_text("\n".join(wanted))
    return python


def _program(client: Client) -> str | None:
    """Path of the program that a client starts, which may have another name here."""
    found = filter(None, map(shutil.which, client.program))
    path = next(found, None)
    if client.program and path is None:
        raise NotRun(f"{client.program[0]} is not on PATH (Debian: fd-find)")
    return path


def _interpreter(version: str) -> str:
    """A Python of this version that runs here, else what uv may know of."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    names = [f"python{version}"]
    names += [str(path) for path in pyenv.glob(f"versions/{version}.*/bin/python")]
    for name in names:  # a shim of pyenv may be there and refuse
        with contextlib.suppress(OSError):
            done = subprocess.run([name, "-c", ""], capture_output=True, check=False)
            if done.returncode == 0:
                return name
    return version


def _checkout(client: Client) -> list[str]:
    if client.variable is None:
        return []
    path = os.environ.get(client.variable)
    if path is None:
        raise NotRun(f"{client.variable} is not set; expected the path of a checkout")
    return [path]


def _try(*command: str) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotRun(str(error)) from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no reason given"]
        raise NotRun(lines[-1]) from error


if __name__ == "__main__":
    sys.exit(main())
