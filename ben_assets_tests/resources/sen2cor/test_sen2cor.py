"""sen2cor against a stand-in that misbehaves in every known way, as real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ben_assets.bigearthnet.errors import (
    InvalidInput,
    LocalResourceError,
    ProcessorFailed,
    ProcessorKilled,
)
from ben_assets.safe.band_rasters import content_digests
from ben_assets.safe.l2a import read_l2a
from ben_assets_tests.resources.sen2cor import l2a_process
from ben_assets_tests.support.l1c_products import L2A_STEM, NAME, make_l1c
from resources.sen2cor.client import Sen2Cor, l2a_processor
from resources.sen2cor.dark_object import DarkObject
from resources.sen2cor.installation import default_gipp
from resources.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def l1c(tmp_path_factory):
    return make_l1c(tmp_path_factory.mktemp("l1c"))


@pytest.fixture
def program(tmp_path):
    return l2a_process.install(tmp_path / "Sen2Cor")


@pytest.fixture
def process(tmp_path, program, l1c):
    """Runs the stand-in on the L1C product; keyword arguments are settings."""

    def run(log=lambda line: None, **settings):
        target = tmp_path / "target"
        target.mkdir()
        environment = {
            "BEN_DATA_DIR": str(tmp_path / "data"),
            "SEN2COR_BIN": str(program),
            "BEN_L2A_CORES": "2",
            **settings,
        }
        return Sen2Cor(Settings(environment)).process(l1c, target, log)

    return run


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def read_or_empty(path):
    return path.read_text() if path.exists() else ""


def wait_until_dead(pids, seconds=20):
    deadline = time.monotonic() + seconds
    while any(is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return [pid for pid in pids if is_alive(pid)]


def test_a_whole_product_comes_back_with_all_that_a_record_needs(
    process, program, l1c, tmp_path
):
    lines = []
    result = process(lines.append)
    product = read_l2a(result.product)
    assert product.name.stem == L2A_STEM
    assert (result.processor, result.version, result.cores) == ("sen2cor", "2.11.0", 2)
    assert result.warnings == ()
    assert result.seconds > 0
    assert result.peak_memory_bytes > 30 << 20
    assert len(result.parameters["gipp_sha256"]) == 64
    (tmp_path / "dark").mkdir()
    same = DarkObject(1).process(l1c, tmp_path / "dark", lines.append)
    assert content_digests(read_l2a(same.product)) == content_digests(product)


def test_progress_is_logged_in_steps_of_ten_per_cent_and_kept_in_full(process):
    lines = []
    result = process(lines.append)
    steps = [line.split(":")[0] for line in lines if "%" in line]
    assert steps == [f"sen2cor {n} %" for n in (0, 25, 55, 91, 100)]
    text = result.log_file.read_text()
    assert "Progress[%]: 8.50" in text
    assert "Application terminated successfully" in text


def test_the_run_gets_its_own_clean_environment(process, program, monkeypatch):
    for name, value in {
        "LC_ALL": "de_DE.UTF-8",
        "LC_NUMERIC": "de_DE.UTF-8",
        "LANG": "de_DE.UTF-8",
        "PYTHONPATH": "/nowhere",
        "PYTHONHOME": "",
        "GDAL_DATA": "/nowhere",
        "LD_LIBRARY_PATH": "/nowhere",
        "CDSE_PASSWORD": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    result = process()
    environment = l2a_process.seen(program)["environment"]
    assert result.product.is_dir()
    assert environment.keys() - {"LC_CTYPE"} == {
        *("PATH", "HOME", "TMPDIR", "TZ", "LC_ALL", "LANG"),
        *("OMP_NUM_THREADS", "SEN2COR_N_CORES"),
    }
    assert (environment["LC_ALL"], environment["SEN2COR_N_CORES"]) == ("C", "2")


def test_a_read_only_home_is_not_written_to(process, program, tmp_path):
    home = tmp_path / "sen2cor-home"
    (home / "cfg").mkdir(parents=True)
    (home / "cfg" / "L2A_GIPP.xml").write_bytes(default_gipp())
    (home / "dem").mkdir()
    for folder in (home / "cfg", home):
        folder.chmod(0o555)
    result = process(SEN2COR_HOME=str(home))
    environment = l2a_process.seen(program)["environment"]
    assert result.product.is_dir()
    assert sorted(path.name for path in home.rglob("*")) == [
        *("L2A_GIPP.xml", "cfg", "dem")
    ]
    for name in ("HOME", "SEN2COR_HOME", "TMPDIR"):
        assert Path(environment[name]).is_relative_to(tmp_path / "target")
    assert list(Path(environment["SEN2COR_HOME"], "log").glob("*_report.xml"))


def test_the_gipp_is_explicit_and_its_digest_tells_other_parameters(
    process, program, tmp_path
):
    result = process()
    assert "<Nr_Threads>2</Nr_Threads>" in l2a_process.seen(program)["gipp"]
    home = tmp_path / "home"
    (home / "cfg").mkdir(parents=True)
    changed = default_gipp().replace(b"RURAL", b"MARITIME")
    (home / "cfg" / "L2A_GIPP.xml").write_bytes(changed)
    (tmp_path / "target").rename(tmp_path / "first")
    other = process(SEN2COR_HOME=str(home))
    assert "MARITIME" in l2a_process.seen(program)["gipp"]
    assert other.parameters != result.parameters


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("exit 1", r"exit code 1 on .*see .*\.log.*Preprocessing failed"),
        ("exit 0 without 10 m", r"exit code 0.*missing.*B02, B03, B04, B08"),
        ("truncated band", r"exit code 0.*_B05_20m\.jp2.*cut short"),
        ("nodata band", r"exit code 0.*_B09_60m\.jp2: no measured pixel"),
        ("two products", r"exactly one L2A .SAFE.*_N9998_.*_N9999_"),
        ("no product", r"exactly one L2A .SAFE in output, found none"),
        ("no quality indicators", r"no quality indicators"),
        ("another place", r"expected the acquisition, place and size of its L1C"),
    ],
)
def test_a_run_without_a_whole_product_fails_for_good(process, program, fault, message):
    l2a_process.misbehave(program, fault=fault)
    with pytest.raises(ProcessorFailed, match=message) as caught:
        process()
    assert not caught.value.is_retryable


def test_a_run_killed_from_outside_may_be_tried_again(process, program):
    l2a_process.misbehave(program, fault="killed")
    with pytest.raises(ProcessorKilled, match=r"exit code -9") as caught:
        process()
    assert caught.value.is_retryable


def test_a_hang_ends_at_the_limit_and_leaves_nothing(process, program):
    l2a_process.misbehave(program, fault="hang")
    with pytest.raises(ProcessorFailed, match=r"did not end within 3 s"):
        process(BEN_SEN2COR_TIMEOUT_S="3")
    assert not is_alive(l2a_process.seen(program)["pid"])


def test_children_that_outlive_the_program_are_killed_and_told_of(process, program):
    l2a_process.misbehave(program, fault="children")
    result = process()
    children = json.loads((program.parent / "children.json").read_text())
    assert result.product.is_dir()
    assert [is_alive(pid) for pid in children] == [False, False]
    assert result.warnings == ("sen2cor left 2 processes running, which were killed",)


@pytest.mark.parametrize("fault", ["flood", "one endless line"])
def test_a_flood_of_output_stays_small_on_disk_and_in_the_log(process, program, fault):
    l2a_process.misbehave(program, fault=fault)
    lines = []
    result = process(lines.append)
    assert result.log_file.stat().st_size < 17 << 20
    assert "Application terminated successfully" in result.log_file.read_text()
    assert sum(map(len, lines)) < 4000


@pytest.mark.parametrize(
    ("stated", "version"),
    [("2.8.0", "2.8.0"), ("02.10.01", "2.10.1"), ("2.12", "2.12"), ("?", "unknown")],
)
def test_another_version_is_a_warning(process, program, stated, version):
    l2a_process.misbehave(program, version=stated)
    result = process()
    assert result.version == version
    assert "expected sen2cor 2.11" in result.warnings[0]


def test_a_version_that_the_output_does_not_state_is_asked_for(process, program):
    l2a_process.misbehave(program, version="2.11.0", silent=True)
    assert process().version == "2.11.0"


def test_a_left_over_product_beside_the_input_is_not_taken(process, l1c, program):
    """sen2cor ends with 0, "already processed", where its output folder has one."""
    left_over = l1c.parent / f"{L2A_STEM}_20200101T000000.SAFE"
    left_over.mkdir()
    try:
        result = process()
    finally:
        left_over.rmdir()
    assert result.product.name != left_over.name


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_the_caller_leaves_no_process(
    tmp_path, program, l1c, signal_number
):
    l2a_process.misbehave(program, fault="children", pause_seconds=30)
    (tmp_path / "target").mkdir()
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from resources.sen2cor.client import Sen2Cor\n"
        "from ben_assets.environment import settings_of_process\n"
        "sen2cor = Sen2Cor(settings_of_process())\n"
        "sen2cor.process(Path(sys.argv[1]), Path(sys.argv[2]), print)\n"
    )
    caller = subprocess.Popen(
        [sys.executable, "-c", script, str(l1c), str(tmp_path / "target")],
        cwd=REPOSITORY,
        env={
            **os.environ,
            "SEN2COR_BIN": str(program),
            "BEN_DATA_DIR": str(tmp_path / "data"),
        },
        stdout=subprocess.DEVNULL,
    )
    children = program.parent / "children.json"
    while "Tables: start" not in read_or_empty(tmp_path / "data/.logs" / f"{NAME}.log"):
        assert caller.poll() is None
        time.sleep(0.05)
    pids = [*json.loads(children.read_text()), l2a_process.seen(program)["pid"]]
    assert all(map(is_alive, pids))
    caller.send_signal(signal_number)
    caller.wait()
    assert wait_until_dead(pids) == []


def test_an_exception_in_the_caller_leaves_no_process(process, program):
    l2a_process.misbehave(program, fault="children", pause_seconds=30)

    def interrupt(line):
        if (program.parent / "children.json").exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process(interrupt)
    children = json.loads((program.parent / "children.json").read_text())
    assert not any(map(is_alive, [*children, l2a_process.seen(program)["pid"]]))


@pytest.mark.parametrize("where", ["SEN2COR_BIN", "folder", "SEN2COR_HOME", "PATH"])
def test_sen2cor_is_found_where_it_can_be(where, program, l1c, tmp_path, monkeypatch):
    settings = {
        "SEN2COR_BIN": {"SEN2COR_BIN": str(program)},
        "folder": {"SEN2COR_BIN": str(program.parents[1])},
        "SEN2COR_HOME": {"SEN2COR_HOME": str(program.parents[1])},
        "PATH": {},
    }[where]
    if where == "PATH":
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    (tmp_path / "target").mkdir()
    processor = Sen2Cor(Settings({"BEN_DATA_DIR": str(tmp_path / "data"), **settings}))
    assert processor.process(l1c, tmp_path / "target", print).product.is_dir()


def test_without_sen2cor_the_message_says_what_to_do(l1c, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    processor = l2a_processor(Settings({"SEN2COR_BIN": str(tmp_path / "none")}))
    with pytest.raises(LocalResourceError, match=r"make sen2cor.*dark-object"):
        processor.process(l1c, tmp_path, print)


def test_an_unknown_processor_is_refused():
    with pytest.raises(InvalidInput, match="sen2cor, dark-object"):
        l2a_processor(Settings({"BEN_L2A_PROCESSOR": "dos"}))
