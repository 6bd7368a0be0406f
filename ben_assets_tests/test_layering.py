from __future__ import annotations

import ast
import gc
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file.

    CPython 3.11 may fail where garbage is collected meanwhile, as that lets other code
    parse, too (its gh-106905).
    """
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def imported_by(path: Path) -> set[str]:
    """Full names of the modules that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(str(node.module))
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def offences(folder: str, is_forbidden) -> list[str]:
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths, f"no modules in {folder}"
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in sorted(imported_by(path))
        if is_forbidden(name)
    ]


def is_below(name: str, *packages: str) -> bool:
    return any(name == p or name.startswith(f"{p}.") for p in packages)


SCIENCE = ("ben_assets.bigearthnet", "ben_assets.safe", "ben_assets.pictures")
WRITERS = ("ben_assets.synthetic",)


def is_ours_but_not(name: str, *allowed: str) -> bool:
    is_ours = is_below(name, "ben_assets") and name != "ben_assets"
    return is_ours and not is_below(name, *allowed)


@pytest.mark.parametrize("package", [*SCIENCE, *WRITERS])
def test_the_science_knows_nothing_of_dagster_or_outside_services(package):
    def is_forbidden(name: str) -> bool:
        allowed = (*SCIENCE, *WRITERS) if package in WRITERS else SCIENCE
        is_outside = is_below(name, "dagster", "resources")
        return is_outside or is_ours_but_not(name, *allowed)

    assert offences(package.replace(".", "/"), is_forbidden) == []


def test_training_knows_the_science_alone():
    training = "ben_assets.training"

    def is_forbidden(name: str) -> bool:
        is_outside = is_below(name, "dagster", "resources")
        return is_outside or is_ours_but_not(name, *SCIENCE, training)

    assert offences("ben_assets/training", is_forbidden) == []


def test_resources_know_the_science_and_the_product_writer_alone():
    """Only ``configured`` is Dagster's: the clients below it know none of it."""
    found = offences(
        "resources", lambda name: is_ours_but_not(name, *SCIENCE, *WRITERS)
    )
    dagster = offences("resources", lambda name: is_below(name, "dagster"))
    assert found == []
    assert dagster == ["resources/configured.py imports dagster"]


def test_what_services_share_knows_none_of_them():
    services = ("cdse", "gcs", "clms", "sen2cor", "uploads", "product_sources")
    names = [f"resources.{name}" for name in services]
    assert offences("resources/transfers", lambda name: is_below(name, *names)) == []


def test_steps_run_without_dagster():
    def is_forbidden(name: str) -> bool:
        return is_below(name, "dagster", "ben_assets.assets", "ben_assets.definitions")

    assert offences("ben_assets/steps", is_forbidden) == []


HEAVY = ("rasterio", "geopandas", "pandas", "pyogrio", "botocore", "httpx2", "duckdb")


def test_the_product_does_not_need_the_demo_the_tests_or_the_benchmarks():
    folders = ["ben_assets/bigearthnet", "ben_assets/steps", "ben_assets/assets"]
    others = ("ben_assets.demo", "ben_assets_tests", "benchmarks")
    for folder in (*folders, "ben_assets/safe", "ben_assets/validation"):
        assert offences(folder, lambda name: is_below(name, *others)) == []


def test_the_graph_imports_no_raster_or_network_library_itself():
    assert offences("ben_assets/assets", lambda name: is_below(name, *HEAVY)) == []


def test_the_environment_is_read_in_one_place_alone():
    """Demo and loopback servers start processes, which have environments."""
    mentions = [
        str(path.relative_to(ROOT))
        for folder in ("ben_assets", "resources")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if re.search(r"os\.environ\b(?!\.get\(.PATH)|os\.getenv", path.read_text())
        and path.relative_to(ROOT).parts[1] not in ("demo", "testing")
    ]
    assert mentions == ["ben_assets/environment.py"]


def test_an_asset_body_has_at_most_20_lines():
    long = []
    for path in sorted((ROOT / "ben_assets/assets").glob("*.py")):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                statements = node.body[1:] if ast.get_docstring(node) else node.body
                lines = statements[-1].end_lineno - statements[0].lineno + 1
                if lines > 20:
                    long.append(f"{path.name}: {node.name} has {lines} lines")
    assert long == []


def test_tests_and_benchmarks_share_support_and_do_not_import_each_other():
    found = offences("benchmarks", lambda name: is_below(name, "ben_assets_tests"))
    allowed = ("ben_assets_tests.support",)
    outside = [line for line in found if allowed[0] not in line]
    assert outside == []
    assert offences("ben_assets_tests", lambda name: is_below(name, "benchmarks")) == []
