"""``make clients``: programs of others read a release of synthetic data, unmodified.

Each client has an environment of its own below ``.clients``, made by uv and kept; none
of them is in the lock. A client that cannot be had is ``not run: <why>``; with
``CLIENTS_ALL=1`` that is a failure. rico-hdl is on no registry: ``RICO_HDL`` names a
checkout of it. torchgeo and ConfigILM bring PyTorch: 6 GB each, by PyPI's CUDA build.
"""

from __future__ import annotations

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
    Client("rico_hdl", "3.11", (), "RICO_HDL"),
)


class NotRun(Exception):
    """A client cannot be had here; the message says why."""


def main() -> int:
    """Run all clients and print one line for each; 1 if one fails."""
    release = _make_release(FOLDER / "release")
    is_strict = os.environ.get("CLIENTS_ALL") == "1"
    has_failed = False
    for client in CLIENTS:
        try:
            outcome, is_fine = _run(client, release)
        except NotRun as reason:
            outcome, is_fine = f"not run: {reason}", not is_strict
        print(f"{client.name:14}{outcome}", flush=True)
        has_failed |= not is_fine
    return 1 if has_failed else 0


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
    python = _environment(client)
    script = _CHECKS / f"{client.name}.py"
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(release / "huggingface"),
        "PATH": f"{python.parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        [str(python), str(script), str(release)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_CHECK_SECONDS,
        check=False,
    )
    last = (done.stdout.strip() or done.stderr.strip() or "no output").splitlines()[-1]
    if done.returncode == 0:
        return f"fine: {last}", True
    sys.stderr.write(done.stderr)
    return f"failed: {last}", False


def _environment(client: Client) -> Path:
    """The Python of a client's environment, which is made where it is not there.

    Raises:
        NotRun: uv, Python, a package or a checkout cannot be had.
    """
    wanted = [*client.requirements, *_checkout(client)]
    folder = FOLDER / client.name
    python, stamp = folder / "bin" / "python", folder / "installed"
    if stamp.exists() and stamp.read_text() == "\n".join(wanted):
        return python
    interpreter = _interpreter(client.python)
    uv = str(Path(sys.executable).with_name("uv"))
    _try(uv, "venv", "--quiet", "--clear", "--python", interpreter, str(folder))
    _try(uv, "pip", "install", "--quiet", "--python", str(python), *wanted)
    stamp.write_text("\n".join(wanted))
    return python


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
        raise NotRun(f"{client.variable} names no checkout")
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
