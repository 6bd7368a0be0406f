"""A stand-in for sen2cor's L2A_Process: same arguments, output, exit codes and log.

Its pixels come from dark object subtraction. It misbehaves as told by the file
``misbehaviour.json`` beside it (the environment is the caller's to clear):
``{"fault": NAME, "version": "2.11.0", "silent": false, "pause_seconds": 0,
"offset": 0}``; the names are those of ``MISBEHAVIOURS``; a silent one states its
version only in its help; the offset is stated for each band and is in its pixels. It
leaves ``seen.json`` beside itself: arguments, environment, process ids.
"""

import argparse
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
MISBEHAVIOURS = (
    "exit 1",
    "exit 0 without 10 m",
    "truncated band",
    "nodata band",
    "two products",
    "no product",
    "no quality indicators",
    "another place",
    "hang",
    "children",
    "flood",
    "one endless line",
    "killed",
)
_ENDLESS = "import time\nwhile True: time.sleep(0.1)"


def install(folder: Path, python: str = sys.executable, **behaviour) -> Path:
    """Put the stand-in below ``folder`` as ESA's installer does; its program."""
    program = folder / "bin" / "L2A_Process"
    program.parent.mkdir(parents=True)
    program.write_text(
        f"#!{python}\nimport sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from ben_assets_tests.resources.sen2cor.l2a_process import main\n"
        "sys.exit(main(__file__, sys.argv[1:]))\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    misbehave(program, **behaviour)
    return program


def misbehave(program: Path, **behaviour) -> None:
    assert behaviour.get("fault") in (None, *MISBEHAVIOURS)
    (program.parent / "misbehaviour.json").write_text(json.dumps(behaviour))


def seen(program: Path) -> dict:
    """What the last run of the stand-in was given."""
    return json.loads((program.parent / "seen.json").read_text())


class Run:
    def __init__(self, program: Path, options: argparse.Namespace, behaviour: dict):
        self.program, self.options = program, options
        self.fault = behaviour.get("fault")
        self.pause_seconds = behaviour.get("pause_seconds", 0)
        self.offset = behaviour.get("offset", 0)
        self.started = time.monotonic()
        home = Path(os.environ.get("SEN2COR_HOME", Path.home() / "sen2cor" / "2.11"))
        work = Path(options.work_dir or home / "log")
        work.mkdir(parents=True, exist_ok=True)
        self.report = work / f"{datetime.now(UTC):%Y%m%dT%H%M%S}_report.xml"
        self.say('<?xml version="1.0"?>\n<Sen2Cor_Level-2A_Report_File>', self.report)

    def say(self, text: str, file: Path | None = None) -> None:
        if file is None:
            print(text, flush=True)
            check = f'<check><message contentType="Text">{text}</message></check>'
            self.say(check, self.report)
        else:
            with file.open("a") as report:
                print(text, file=report)

    def progress(self, percent: float, text: str) -> None:
        elapsed = time.monotonic() - self.started
        self.say(
            f"Progress[%]: {percent:.2f} : PID-{os.getpid()}, L2A_{text}, "
            f"elapsed time[s]: {elapsed:.3f}, total: 0:00:{elapsed:09.6f}"
        )
        time.sleep(self.pause_seconds)

    def end(self, text: str) -> None:
        self.say(f"Progress[%]: 100.00 : {text}.\n")


def main(program: str, arguments: list[str]) -> int:
    folder = Path(program).parent
    behaviour = json.loads((folder / "misbehaviour.json").read_text())
    version = behaviour.get("version", "2.11.0")
    title = (
        f"Sentinel-2 Level 2A Processor (Sen2Cor). Version: {version}, created: "
        "2022.11.11, supporting Level-1C product version 14.2 - 14.8"
    )
    options = parser(title).parse_args(arguments)
    record = {"arguments": arguments, "environment": dict(os.environ)}
    record["pid"] = os.getpid()
    record["gipp"] = Path(options.GIP_L2A).read_text() if options.GIP_L2A else None
    (folder / "seen.json").write_text(json.dumps(record))
    run = Run(Path(program), options, behaviour)
    started = "L2A processor" if behaviour.get("silent") else title
    run.say(f"{started} started ...\nProduct version: 14.5\nOperation mode: TOOLBOX")
    run.say("Processing baseline: 99.99\nNo resolution specified, will process 20 and")
    return process(run)


def parser(description: str) -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("L2A_Process.py", description=description)
    options.add_argument("input_dir")
    options.add_argument("--mode")
    options.add_argument("--resolution", type=int, choices=(10, 20, 60))
    for name in ("datastrip", "tile", "output_dir", "work_dir"):
        options.add_argument(f"--{name}")
    for name in ("img_database_dir", "res_database_dir", "processing_baseline"):
        options.add_argument(f"--{name}")
    for name in ("raw", "tif", "sc_only", "cr_only", "debug"):
        options.add_argument(f"--{name}", action="store_true")
    for name in ("GIP_L2A", "GIP_L2A_SC", "GIP_L2A_AC", "GIP_L2A_PB"):
        options.add_argument(f"--{name}")
    return options


def process(run: Run) -> int:
    from ben_assets.safe.l1c import read_l1c

    source = Path(run.options.input_dir)
    if not source.is_dir():
        return fail(run, f'directory "{source}" does not exist.')
    for needed in ("GRANULE/*/AUX_DATA", "DATASTRIP/*/QI_DATA"):
        if not list(source.glob(needed)):
            return fail(run, f"OSError: No such file or directory: {needed}")
    if f"{1.5:n}" != "1.5" or os.environ.get("LC_ALL") not in ("C", "POSIX"):
        return fail(run, "ValueError: could not convert string to float: 0,5")
    l1c = read_l1c(source)
    target = Path(run.options.output_dir or source.parent)
    if list(target.glob(f"*_MSIL2A_{l1c.name.acquisition.sensing}_*.SAFE")):
        run.end("Product already processed")
        return 0
    if run.fault in BEFORE_THE_RUN:
        code = BEFORE_THE_RUN[run.fault](run)
        if code is not None:
            return code
    run.progress(0.0, "Tables: start")
    product = make_product(run, l1c, target)
    if run.fault in AFTER_THE_RUN:
        AFTER_THE_RUN[run.fault](product)
    run.end("Application terminated successfully")
    return 0


def make_product(run: Run, l1c, target: Path) -> Path:
    from dataclasses import replace

    from ben_assets.synthetic.safe_writer import write_l2a_product
    from resources.sen2cor.dark_object import corrected_bands, l2a_description
    from resources.sen2cor.processors import l2a_name

    bands, _ = corrected_bands(l1c, 1)
    for pixels in bands.values():
        pixels[pixels > 0] += pixels.dtype.type(-run.offset)
    for percent in (6.18, 8.5, 25.0, 55.0, 56.0, 91.0):
        run.progress(percent, "AtmCorr: end of interpolation LUTs")
    now = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
    description = replace(
        l2a_description(l1c),
        name=l2a_name(l1c.name, now),
        processor="stand-in",
        offset=run.offset,
    )
    return write_l2a_product(target, description, bands, threads=1)


def fail(run: Run, message: str) -> int:
    run.say(f"Traceback (most recent call last):\n{message}")
    run.end("Application terminated with at least one error")
    return 1


def exit_1(run: Run) -> int:
    return fail(run, "Preprocessing failed")


def hang(run: Run) -> None:
    while True:
        time.sleep(0.1)


def leave_children(run: Run) -> None:
    """One child in the same group, one that has detached itself in every way."""
    child = subprocess.Popen([sys.executable, "-c", _ENDLESS])
    script = (
        "import os, sys, time\nos.setsid()\nif os.fork(): os._exit(0)\n"
        f"print(os.getpid(), flush=True)\n{_ENDLESS}"
    )
    detached = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    )
    pids = [child.pid, int(detached.stdout.readline())]
    (run.program.parent / "children.json").write_text(json.dumps(pids))


def flood(run: Run) -> None:
    line = "Reading look up table, please wait for the interpolation" * 2 + "\n"
    for _ in range(100):
        sys.stdout.write(line * (1_000_000 // len(line)))


def one_endless_line(run: Run) -> None:
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)


def kill_itself(run: Run) -> None:
    os.kill(os.getpid(), 9)


def without_10m(product: Path) -> None:
    shutil.rmtree(next(product.glob("GRANULE/*/IMG_DATA/R10m")))


def cut_band(product: Path) -> None:
    path = next(product.glob("GRANULE/*/IMG_DATA/R20m/*_B05_20m.jp2"))
    os.truncate(path, path.stat().st_size // 2)


def move(product: Path) -> None:
    (path,) = product.glob("GRANULE/*/MTD_TL.xml")
    path.write_text(re.sub(r"<ULX>\d+", "<ULX>600000", path.read_text()))


def empty_band(product: Path) -> None:
    import rasterio

    path = next(product.glob("GRANULE/*/IMG_DATA/R60m/*_B09_60m.jp2"))
    with rasterio.open(path) as raster:
        profile, zeros = raster.profile, raster.read() * 0
    path.unlink()
    with rasterio.open(path, "w", **profile) as raster:
        raster.write(zeros)


def second_product(product: Path) -> None:
    other = product.name.replace("_N9999_", "_N9998_")
    shutil.copytree(product, product.with_name(other))


def without_quality(product: Path) -> None:
    path = product / "MTD_MSIL2A.xml"
    path.write_text(path.read_text().replace("quality_check", "quality_chuck"))


BEFORE_THE_RUN = {
    "exit 1": exit_1,
    "hang": hang,
    "children": leave_children,
    "flood": flood,
    "one endless line": one_endless_line,
    "killed": kill_itself,
}
AFTER_THE_RUN = {
    "exit 0 without 10 m": without_10m,
    "truncated band": cut_band,
    "nodata band": empty_band,
    "two products": second_product,
    "no product": shutil.rmtree,
    "no quality indicators": without_quality,
    "another place": move,
}
