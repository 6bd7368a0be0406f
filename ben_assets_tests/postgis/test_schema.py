from __future__ import annotations

import pytest

from ben_assets.bigearthnet.errors import (
    AccessRefused,
    InvalidInput,
    LocalResourceError,
    ServiceUnavailable,
)
from ben_assets.bigearthnet.legend import CODES, LABEL_OF_CODE
from ben_assets_tests.postgis.database import Attempt, Database, server_without_postgis
from resources.postgis.database import Postgis, migrate

pytestmark = pytest.mark.real_server

HEAD = "0002"
SCHEMA = "bigearthnet"
TABLES = {
    "clc2018",
    "clc_nomenclature",
    "countries",
    "inputs",
    "labels",
    "patches",
    "pixel_counts",
    "tiles",
    "v1_footprints",
}


def use(database: Postgis) -> None:
    with database.transaction() as cursor:
        cursor.execute("SELECT FROM patches")


def revision(database: Database) -> str:
    return database.query("SELECT version_num FROM alembic_version")[0][0]


def test_first_use_makes_the_schema(blank):
    use(blank.postgis())
    assert revision(blank) == HEAD
    tables = blank.query(
        "SELECT tablename FROM pg_tables WHERE schemaname = %s", SCHEMA
    )
    assert {name for (name,) in tables} == {*TABLES, "alembic_version"}


SCHEMA = "bigearthnet"


def test_the_command_says_from_where_to_where(blank):
    assert blank.postgis().migrate() == (None, HEAD)
    assert blank.postgis().migrate() == (HEAD, HEAD)


def test_two_first_uses_at_once_make_one_schema(blank):
    attempts = [Attempt(lambda: use(blank.postgis())) for _ in range(3)]
    for attempt in attempts:
        attempt.outcome()
    assert revision(blank) == HEAD


def test_a_schema_one_migration_behind_is_brought_forward_with_its_rows(blank):
    database = blank.postgis()
    migrate(database._engine, database.name, "0001")
    blank.query("INSERT INTO inputs VALUES ('a file', 'countries', 'x', 1)")
    assert revision(blank) == "0001"
    use(blank.postgis())
    assert revision(blank) == HEAD
    assert blank.count("inputs") == 1
    assert blank.count("overlapping_patches") == 0


def test_a_role_without_rights_cannot_bring_the_schema_forward_and_says_who_can(blank):
    database = blank.postgis()
    migrate(database._engine, database.name, "0001")
    reader = Postgis(blank.as_role("reader", "bigearthnet_reader"))
    with pytest.raises(AccessRefused, match=r"owner.*ben postgis migrate") as refused:
        use(reader)
    assert "secret-word" not in str(refused.value)
    assert revision(blank) == "0001"


def test_a_role_without_rights_leaves_a_fresh_database_as_it_was(blank):
    with pytest.raises(AccessRefused, match="permission denied for database"):
        use(Postgis(blank.as_role("stranger")))
    assert blank.query("SELECT 1 FROM pg_namespace WHERE nspname = %s", SCHEMA) == []


def test_an_owner_that_is_no_administrator_needs_postgis_to_be_there(blank):
    dsn = blank.as_role("owner", f"CREATE ON DATABASE {blank.name}")
    with pytest.raises(AccessRefused, match="CREATE EXTENSION postgis"):
        use(Postgis(dsn))
    blank.query("CREATE SCHEMA elsewhere; CREATE EXTENSION postgis SCHEMA elsewhere")
    blank.query("GRANT USAGE ON SCHEMA elsewhere TO PUBLIC")
    use(Postgis(dsn))
    assert revision(blank) == HEAD


def test_a_schema_newer_than_the_code_is_left_alone(database):
    database.query("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(InvalidInput, match=r"revision 9999.*newer code; update"):
        use(database.postgis())
    assert revision(database) == "9999"


def test_a_migration_that_breaks_off_leaves_nothing(blank, monkeypatch):
    monkeypatch.setattr("resources.postgis.database._GRANTS", "SELECT 1 / 0")
    with pytest.raises(InvalidInput, match="division by zero"):
        use(blank.postgis())
    assert blank.query("SELECT 1 FROM pg_namespace WHERE nspname = %s", SCHEMA) == []


def test_every_table_view_and_column_has_a_comment(database):
    silent = database.query(
        """
        SELECT c.relname, a.attname FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND attnum >= 0 AND NOT attisdropped
        WHERE relnamespace = 'bigearthnet'::regnamespace AND relkind IN ('r', 'v')
          AND relname <> 'alembic_version' AND col_description(c.oid, attnum) IS NULL
          AND NOT (relname = 'patches_with_labels' AND attname IN
                   (SELECT attname FROM pg_attribute
                    WHERE attrelid IN ('patches'::regclass, 'tiles'::regclass)))
        UNION ALL
        SELECT relname, '' FROM pg_class
        WHERE relnamespace = 'bigearthnet'::regnamespace AND relkind IN ('r', 'v')
          AND relname <> 'alembic_version' AND obj_description(oid) IS NULL
        """
    )
    assert silent == []


def test_every_geometry_has_a_spatial_index(database):
    columns = database.query(
        "SELECT f_table_name, f_geometry_column FROM geometry_columns g "
        "JOIN pg_tables ON tablename = f_table_name AND schemaname = f_table_schema"
    )
    indexed = database.query(
        "SELECT tablename, substring(indexdef FROM 'gist \\((\\w+)\\)') "
        "FROM pg_indexes WHERE indexdef LIKE '%gist%'"
    )
    assert len(columns) == 7
    assert set(columns) == set(indexed)


def test_the_nomenclature_is_that_of_the_rules(database):
    found = dict(database.query("SELECT clc_code, label FROM clc_nomenclature"))
    assert found == {code: LABEL_OF_CODE.get(code) for code in CODES}


def test_the_reader_may_read_everything_and_change_nothing(database):
    reader = Postgis(database.as_role("reader", "bigearthnet_reader"))
    with reader.transaction() as cursor:
        for table in (*TABLES, "patches_with_labels", "overlapping_patches"):
            cursor.execute(f"SELECT FROM {table}")
    with (
        pytest.raises(AccessRefused, match="permission denied for table tiles"),
        reader.transaction() as cursor,
    ):
        cursor.execute("DELETE FROM tiles")


def test_a_server_that_is_down_is_worth_another_try_and_the_password_stays_secret():
    database = Postgis("postgresql://somebody:secret-word@127.0.0.1:1/ben")
    with pytest.raises(
        ServiceUnavailable, match=r"127.0.0.1:1/ben.*make postgis"
    ) as no:
        use(database)
    assert no.value.is_retryable
    assert "secret-word" not in str(no.value)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        (("ben:", "ben:not-"), AccessRefused, "authentication failed.*correct user"),
        (("//ben:", "//nobody:"), AccessRefused, "authentication failed.*correct user"),
        (("/test_", "/absent_"), InvalidInput, "does not exist; create the database"),
    ],
    ids=["password", "role", "database"],
)
def test_a_wrong_part_of_the_dsn_is_named(database, change, kind, message):
    with pytest.raises(kind, match=message) as refused:
        use(Postgis(database.dsn.replace(*change)))
    assert not refused.value.is_retryable


def test_a_malformed_dsn_is_refused_without_repeating_it():
    with pytest.raises(InvalidInput, match="BEN_POSTGIS_DSN is not a conn") as refused:
        Postgis("postgres//user:secret-word@host/db")
    assert "secret-word" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_dsn_of_sqlalchemy_is_understood(database):
    use(Postgis(database.dsn.replace("postgresql://", "postgresql+psycopg2://")))


def test_a_server_without_postgis_says_what_to_install(server):
    """A real PostgreSQL whose folder of extensions lacks it."""
    with server_without_postgis() as bare:
        name = Database(bare, "plain")
        name.create()
        with pytest.raises(LocalResourceError, match="postgresql-15-postgis-3"):
            use(name.postgis())
        assert name.query("SELECT 1 FROM pg_namespace WHERE nspname = %s", SCHEMA) == []


def test_a_connection_that_died_in_the_pool_is_replaced(database):
    postgis = database.postgis()
    use(postgis)
    database.disconnect()
    use(postgis)
