"""The outside world as Dagster resources: described, overridable, without secrets."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
import pytest

from ben_assets.bigearthnet.errors import InvalidInput
from ben_assets.definitions import build_definitions
from resources.configured import (
    RESOURCES,
    CdseResource,
    DataRootResource,
    PostgisResource,
    resources_of,
    settings_from,
)

SECRETS = {
    "CDSE_USERNAME": "secret-user",
    "CDSE_PASSWORD": "secret-password",
    "CDSE_TOTP_SECRET": "secret-totp",
    "CDSE_S3_ACCESS_KEY": "secret-access",
    "CDSE_S3_SECRET_KEY": "secret-key",
    "BEN_POSTGIS_DSN": "postgresql://reader:secret-word@127.0.0.1/ben",
    "BEN_LOCK_DSN": "postgresql://locks:secret-lock@127.0.0.1/ben",
}
ENVIRONMENT = {
    **SECRETS,
    "CDSE_CONNECTIONS": "3",
    "CDSE_CATALOGUE_URL": "http://127.0.0.1:9/catalogue",
    "BEN_DATA_DIR": "/nowhere/data",
}


@dg.asset
def settings_seen(
    data_root: DataRootResource, cdse: CdseResource, postgis: PostgisResource
) -> dict[str, str | None]:
    """What a step of a run with these resources is told."""
    settings = settings_from(data_root, cdse, postgis)
    return {name: settings.text(name) for name in ENVIRONMENT}


def run(
    resources: Mapping[str, object],
    changed: dict[str, dict[str, object]] | None = None,
    instance: dg.DagsterInstance | None = None,
) -> dict[str, str | None]:
    """The settings in a run whose configuration changes fields of resources."""
    config = {key: {"config": fields} for key, fields in (changed or {}).items()}
    job = dg.Definitions(
        assets=[settings_seen], resources=dict(resources)
    ).resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        run_config={"resources": config} if config else None, instance=instance
    )
    seen: dict[str, str | None] = result.output_for_node("settings_seen")
    return seen


def test_the_resources_say_what_they_and_their_fields_are():
    assert set(RESOURCES) == {
        "l1c_sources",
        "cdse",
        "sen2cor",
        "postgis",
        "data_root",
        "reference_inputs",
        "tracked_artifacts",
    }
    for key, resource in resources_of(ENVIRONMENT).items():
        definition = resource.get_resource_definition()
        assert len(definition.description or "") > 20, key
        fields = definition.config_schema.config_type.fields
        assert set(fields) == {*resource.settings, *resource.secrets}, key
        for name, field in fields.items():
            assert len(field.description or "") > 10, (key, name)


def test_dark_object_is_told_of_where_it_stands_in_for_sen2cor():
    said = resources_of({})["sen2cor"].get_resource_definition().description
    assert "dark-object" in str(said)
    assert "development and demo only" in str(said)


def test_without_run_configuration_a_run_sees_the_environment():
    assert run(resources_of(ENVIRONMENT)) == ENVIRONMENT


def test_one_field_of_a_run_keeps_the_others_and_the_secrets():
    seen = run(resources_of(ENVIRONMENT), {"cdse": {"connections": 1}})
    assert seen == {**ENVIRONMENT, "CDSE_CONNECTIONS": "1"}
    seen = run(resources_of(ENVIRONMENT), {"data_root": {"path": "/elsewhere"}})
    assert seen == {**ENVIRONMENT, "BEN_DATA_DIR": "/elsewhere"}


def test_a_run_may_take_a_secret_from_another_variable():
    environment = {**ENVIRONMENT, "OTHER_DSN": "postgresql://127.0.0.1/other"}
    changed = {"postgis": {"dsn_variable": "OTHER_DSN"}}
    seen = run(resources_of(environment), changed)
    assert seen == {**ENVIRONMENT, "BEN_POSTGIS_DSN": "postgresql://127.0.0.1/other"}


def test_no_secret_is_in_what_people_or_dagster_keep_of_a_resource():
    """Its text, the run, its configuration, the job and every event."""
    resources = resources_of(ENVIRONMENT)
    with dg.DagsterInstance.ephemeral() as instance:
        run(resources, {"cdse": {"connections": 1}}, instance)
        (kept,) = instance.get_runs()
        job = instance.get_job_snapshot(kept.job_snapshot_id)
        events = [str(event) for event in instance.all_logs(kept.run_id)]
        texts = [dg.serialize_value(kept), dg.serialize_value(job), *events]
    assert "CDSE_PASSWORD" in dg.serialize_value(job), (
        "the variable's name is no secret"
    )
    texts += [f"{resource!r} {resource}" for resource in resources.values()]
    for secret in SECRETS.values():
        assert [text for text in texts if secret in text] == []


def test_a_malformed_number_is_refused_where_it_is_used_not_at_load_time():
    resource = resources_of({"CDSE_CONNECTIONS": "many"})["cdse"]
    with pytest.raises(InvalidInput, match="CDSE_CONNECTIONS is 'many'; expected a n"):
        settings_from(resource).positive("CDSE_CONNECTIONS", 4)


def test_the_environment_that_counts_is_that_at_load_time(monkeypatch, tmp_path):
    monkeypatch.setenv("BEN_DATA_DIR", str(tmp_path / "first"))
    monkeypatch.setenv("CDSE_PASSWORD", "first")
    resources = build_definitions().resources
    monkeypatch.setenv("BEN_DATA_DIR", str(tmp_path / "second"))
    monkeypatch.setenv("CDSE_PASSWORD", "second")
    seen = run(resources)
    assert seen["BEN_DATA_DIR"] == str(tmp_path / "first")
    assert seen["CDSE_PASSWORD"] == "first"
