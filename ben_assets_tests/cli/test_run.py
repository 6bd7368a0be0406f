"""``ben run``: one tile here, with words that lead on."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import BenError
from ben_assets.bigearthnet.tile_list import find_tile
from ben_assets.cli.running import Start, _job, _opened_home
from ben_assets.tiles import load_tiles
from ben_assets_tests.cli.test_ben import ben
from ben_assets_tests.support.pipeline import Pipeline
from ben_assets_tests.support.programs import Fork
from ben_assets_tests.support.secrets_shown import shown
from resources.settings import REPOSITORY, Settings

SAFE = "S2B_MSIL2A_20180805T110619_N0208_R137_T30TVK_20180805T160854"


def test_a_tile_is_made_and_the_last_line_says_what_next(pipeline):
    key = pipeline.keys[0]
    done = ben(pipeline, "run", key, "--from", "l2a")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == f"job tile_from_l2a of {key}"
    assert "  patches" in lines
    assert lines[-1].endswith(f"{pipeline.data}; next: ben verify {key} --deep")
    assert lines[-1].startswith(f"6 artifacts of {key} in ")
    assert done.err == ""
    assert ben(pipeline, "verify", key, "--deep").code == 0


def test_a_tile_that_fails_says_why_and_how_to_go_on(pipeline):
    key = pipeline.keys[0]
    del pipeline.settings["BEN_S1_DIR"]
    done = ben(pipeline, "run", key, "--from", "l2a")
    assert done.code == 1
    *_, failed, then = done.out.splitlines()
    assert failed.startswith("failed: aligned_dataset: [bad input] ")
    assert "BEN_S1_DIR" in failed
    assert then.startswith(f"put that right, then: ben run {key} ")
    assert "Traceback" not in done.out + done.err
    assert "BEN_S1_DIR" not in done.err, "it is said once"
    assert "Dependencies for step" not in done.out


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_terminal_that_closes_ends_the_run_and_its_locks(pipeline, number):
    """It waits for a tile that this test holds, and holds another itself."""
    key = pipeline.keys[0]
    words = ("ben_assets.cli", "run", key, "--from", "l2a")
    with pipeline.storage.lock("patches", key):
        process = Fork(words, pipeline.environment())
        while "is being made by" not in process.said():
            time.sleep(0.1)
        assert f"l2a_tiles/{key}" in locks_of(pipeline)
        process.send(number)
        ended = process.wait()
        assert ended.code == 130, ended.output
        assert locks_of(pipeline) == [f"patches/{key}"]
    last = ended.err.splitlines()[-1]
    assert last == "ben: interrupted; the same command goes on"
    assert "Traceback" not in ended.output
    assert not (pipeline.data / "patches" / ".drafts").exists()


def locks_of(pipeline: Pipeline) -> list[str]:
    folder = pipeline.data / ".locks"
    return [str(p.relative_to(folder))[:-5] for p in folder.rglob("*.lock")]


def add_l2a_tile(pipeline: Pipeline) -> None:
    path = Path(pipeline.settings["BEN_TILES_CSV"])
    own = pipeline.root / "own.csv"
    own.write_text(f"{path.read_text()}{SAFE},none\n")
    pipeline.settings["BEN_TILES_CSV"] = str(own)


def test_a_tile_that_starts_at_an_l2a_product_has_its_job(pipeline, tmp_path):
    add_l2a_tile(pipeline)
    (tmp_path / "none").mkdir()
    pipeline.settings |= {
        "BEN_L2A_DIR": str(tmp_path / "none"),
        "BEN_L1C_SOURCES": "gcs",
        "BEN_GCS_URL": "http://127.0.0.1:9/bucket",
        "CDSE_GIVE_UP_SECONDS": "1",
    }
    done = ben(pipeline, "run", "T30TVK_20180805T110619")
    assert done.out.startswith("job tile_from_l2a of T30TVK_20180805T110619")
    assert done.code == 1
    refused = ben(pipeline, "run", "T30TVK_20180805T110619", "--from", "l1c")
    assert refused.code == 2
    assert "leave out --from l1c" in " ".join(refused.err.replace("│", " ").split())


def test_a_run_begins_where_the_product_is(pipeline, tmp_path):
    """With a zip or a product on disk no catalogue has to answer."""
    key = pipeline.keys[0]
    tile = find_tile(key, load_tiles(Settings(pipeline.settings)))
    assert _job(tile, None, Settings(pipeline.settings)) == "tile_from_l2a"
    assert _job(tile, Start.L1C, Settings(pipeline.settings)) == "tile"
    zips = {"BEN_L1C_DIR": str(tmp_path)}
    settings = Settings(pipeline.settings | zips)
    assert _job(tile, Start.L1C, settings) == "tile_from_l1c"
    assert _job(tile, None, Settings(zips)) == "tile_from_l1c"
    assert _job(tile, None, Settings({})) == "tile"


def test_a_near_miss_is_offered(pipeline):
    near = pipeline.keys[0].replace("T33UUP", "T33UUQ")
    done = ben(pipeline, "run", near)
    assert done.code == 2
    assert pipeline.keys[0] in done.err


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("me:Zx7Kq@9Wv3Bn5@127.0.0.1:1/x", "DAGSTER_PG_URL is not a connection"),
        ("me:Zx7Kq9Wv3Bn5@127.0.0.1:1/x", "Connection refused.*start its database"),
    ],
)
def test_a_wrong_address_of_dagsters_state_is_not_repeated(
    url, says, tmp_path, monkeypatch, caplog
):
    shutil.copy(REPOSITORY / "deploy/postgres/dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_PG_URL", f"postgresql+psycopg2://{url}")
    with pytest.raises(BenError, match=says) as error:
        _opened_home()
    said = [("error", str(error.value)), ("log", caplog.text)]
    assert shown("Zx7Kq@9Wv3Bn5", said) == shown("Zx7Kq9Wv3Bn5", said) == []
