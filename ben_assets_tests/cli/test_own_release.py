"""The commands of docs/own-tiles.md, as a shell runs them, against a loopback CDSE."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from ben_assets.synthetic.land import COUNTRIES_FILE, write_countries
from ben_assets.synthetic.own_region import PRODUCT, make_own_region
from ben_assets.testing.cdse_server import CdseServer
from resources.settings import REPOSITORY

MOST = 10


def commands() -> list[str]:
    text = (REPOSITORY / "docs" / "own-tiles.md").read_text()
    block = re.search(r"```sh\n(make setup\n.*?)```", text, re.S)
    assert block is not None
    return block[1].strip().splitlines()


def test_ten_commands_lead_from_the_catalogue_to_the_index(tmp_path):
    lines = commands()
    assert len(lines) <= MOST
    region = make_own_region(tmp_path / "region")
    (cover,) = (region.root / "worldcover").iterdir()
    reference = tmp_path / "berlin" / "data" / "reference"
    reference.mkdir(parents=True)
    write_countries(reference / COUNTRIES_FILE)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    not_here = {
        "make setup": "true",
        "curl": f"cp {cover} berlin/worldcover/N51E012.tif",
    }
    script = [
        next((do for word, do in not_here.items() if line.startswith(word)), line)
        for line in lines
    ]
    with CdseServer(region.archive) as server:
        environment = {
            **os.environ,
            **server.environment(),
            "PYTHONPATH": str(REPOSITORY),
        }
        done = subprocess.run(
            [shutil.which("bash") or "bash", "-ec", "\n".join(script)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    path = tmp_path / "berlin/data/release_index/bigearthnet_index.parquet"
    index = pd.read_parquet(path)
    assert set(index["country"]) == {"Germany"}
    assert set(index["recipe"]) == {"berlin"}
    assert set(index["value_scale"]) == {"bigearthnet"}
    assert set(index["baseline"]) == {"05.11"}
    assert PRODUCT.startswith(index["product"].iloc[0])
    assert "Tree cover" in set(index["labels"].explode())
