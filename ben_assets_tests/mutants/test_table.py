from ben_assets_tests.mutants.__main__ import outdated
from ben_assets_tests.mutants.table import MUTANTS


def test_every_row_fits_the_code():
    assert outdated(MUTANTS) == []


def test_names_are_unique_and_every_fault_changes_something():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 65
    assert [m.name for m in MUTANTS if m.find == m.replacement] == []
