"""The files of ``deploy/`` are what the programs that read them accept."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from dagster import Shape
from dagster._config import validate_config
from dagster._core.instance.config import dagster_instance_config_schema

from resources.settings import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
KUBERNETES = DEPLOY / "kubernetes"


def load(path):
    return yaml.safe_load(path.read_text())


def complaints(schema, config):
    result = validate_config(Shape(schema), config)
    return [error.message for error in result.errors or []]


@pytest.fixture
def extra():
    """The extra ``cluster``; always there in continuous integration."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("dagster_celery", reason="needs the extra cluster")


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("dagster.yaml")), ids=str)
def test_dagster_accepts_each_of_its_files(path):
    assert complaints(dagster_instance_config_schema(), load(path)) == []


def test_the_launcher_accepts_its_part_of_the_file(extra):
    from ben_assets.celery_launcher import WatchedCeleryRunLauncher

    launcher = load(DEPLOY / "celery" / "dagster.yaml")["run_launcher"]
    assert launcher["module"] == WatchedCeleryRunLauncher.__module__
    assert launcher["class"] == WatchedCeleryRunLauncher.__name__
    schema = WatchedCeleryRunLauncher.config_type()
    assert complaints(schema, launcher["config"]) == []


def test_workers_and_launcher_agree_on_redis(extra):
    """With another time, a task that waits for long would be given out twice."""
    from dagster_celery.executor import celery_executor

    worker = load(DEPLOY / "celery" / "celery.yaml")["execution"]["config"]
    schema = celery_executor.config_schema.config_type
    assert validate_config(schema, worker).success
    launcher = load(DEPLOY / "celery" / "dagster.yaml")["run_launcher"]["config"]
    for key in ("broker", "backend"):
        assert worker[key] == launcher[key]
    for key in ("broker_transport_options", "result_expires", "result_extended"):
        assert worker["config_source"][key] == launcher["config_source"][key]


def test_the_pod_launcher_accepts_the_values(extra):
    """The chart has other names for them: those of dagster-k8s, in camel case."""
    from dagster_k8s import K8sRunLauncher

    values = load(KUBERNETES / "values.yaml")
    config = values["runLauncher"]["config"]["k8sRunLauncher"]
    run_config = config["runK8sConfig"]
    launcher = {
        "dagster_home": "/opt/dagster/dagster_home",
        "instance_config_map": "dagster-instance",
        "service_account_name": "dagster",
        "postgres_password_secret": values["global"]["postgresqlSecretName"],
        "image_pull_policy": config["imagePullPolicy"],
        "load_incluster_config": config["loadInclusterConfig"],
        "fail_pod_on_run_failure": config["failPodOnRunFailure"],
        "env_config_maps": config["envConfigMaps"],
        "env_secrets": [secret["name"] for secret in config["envSecrets"]],
        "env_vars": config["envVars"],
        "volumes": config["volumes"],
        "volume_mounts": config["volumeMounts"],
        "resources": config["resources"],
        "run_k8s_config": {
            "pod_spec_config": run_config["podSpecConfig"],
            "job_spec_config": run_config["jobSpecConfig"],
        },
    }
    assert complaints(K8sRunLauncher.config_type(), launcher) == []
    instance = values["additionalInstanceConfig"]
    assert complaints(dagster_instance_config_schema(), instance) == []


def test_the_values_name_what_the_other_files_make():
    values = load(KUBERNETES / "values.yaml")
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    documents = [
        document
        for name in ("volume.yaml", "secrets.example.yaml")
        for document in yaml.safe_load_all((KUBERNETES / name).read_text())
    ]
    made = {(one["kind"], one["metadata"]["name"]) for one in documents}
    assert made == {
        ("PersistentVolumeClaim", _claim(deployment)),
        ("Secret", deployment["envSecrets"][0]["name"]),
        ("Secret", values["global"]["postgresqlSecretName"]),
    }
    known = (REPOSITORY / ".env.example").read_text()
    settings = {*deployment["env"], *documents[1]["stringData"]}
    assert [name for name in settings if f"\n#{name}=" not in known] == []


def _claim(deployment):
    return deployment["volumes"][0]["persistentVolumeClaim"]["claimName"]


LIST_PODS = """
from dagster_k8s.job import get_user_defined_k8s_config
from ben_assets.definitions import defs
from resources.settings import Settings
assert defs.executor.name == "k8s", defs.executor.name
for asset in defs.assets:
    config = get_user_defined_k8s_config(asset.op.tags).container_config
    if config:
        print(asset.key.to_user_string(), config["resources"]["requests"]["memory"])
"""


def test_each_tile_asset_asks_for_the_memory_of_its_pod(extra):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LIST_PODS],
        cwd=REPOSITORY,
        env={**os.environ, "BEN_EXECUTOR": "k8s"},
        capture_output=True,
        text=True,
        check=True,
    )
    asked = dict(line.split() for line in done.stdout.splitlines())
    assert asked["l2a_tiles"] == "8Gi"
    assert asked["patches"] == "2Gi"
    assert "release_archives" not in asked


@pytest.fixture
def programs(tmp_path):
    """A PATH with what a shell script needs, and no container engine."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "sed", "awk", "sort", "mktemp", "rm", "cat", "cp"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def image_digests(programs, *arguments):
    return subprocess.run(
        [DEPLOY / "image_digests.sh", *arguments],
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_an_engine_no_digest_is_written(programs, tmp_path):
    done = image_digests(programs, str(tmp_path / "digests"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "neither docker nor podman is here" in done.stderr
    assert not (tmp_path / "digests").exists()


def stand_in(programs, inspect):
    """Answers as docker does; no engine runs where these tests do."""
    engine = programs / "docker"
    engine.write_text(f"#!/bin/sh\n[ $1 = pull ] || {inspect}\n")
    engine.chmod(0o755)


def test_an_image_that_cannot_be_had_ends_with_2_and_its_name(programs, tmp_path):
    stand_in(programs, "exit 1")
    done = image_digests(programs, str(tmp_path / "digests"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "docker cannot get postgis/postgis:" in done.stderr
    assert not (tmp_path / "digests").exists()


def test_each_image_with_a_version_is_written_with_its_digest(programs):
    stand_in(programs, f"echo other.example.org/x@sha256:{'ab' * 32}")
    done = image_digests(programs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    named = load(DEPLOY / "compose.yaml")["services"].values()
    versioned = {s["image"] for s in named if not s["image"].endswith(":latest")}
    assert versioned
    assert {line.partition("@")[0] for line in lines} > versioned
    assert {line.partition("@")[2] for line in lines} == {f"sha256:{'ab' * 32}"}
    assert "ben-assets:latest has no version tag" in done.stderr
