"""docker-compose.yml and the Dockerfile: what can be proved of them without a Docker engine."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from search.config import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def test_follows_the_compose_specification() -> None:
    # The checker carries the specification's own schema: nothing is fetched.
    command = [sys.executable, "-m", "check_jsonschema"]
    done = subprocess.run(
        [*command, "--builtin-schema", "vendor.compose-spec", str(COMPOSE)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_specification_is_really_checked(tmp_path: Path) -> None:
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE.read_text(encoding="utf-8").replace("healthcheck:", "healthchek:"))
    command = [sys.executable, "-m", "check_jsonschema"]
    done = subprocess.run(
        [*command, "--builtin-schema", "vendor.compose-spec", str(broken)],
        capture_output=True,
        timeout=60,
    )
    assert done.returncode != 0


def test_milvus_is_a_patched_version(compose: dict[str, Any]) -> None:
    match = re.fullmatch(
        r"milvusdb/milvus:v(\d+)\.(\d+)\.(\d+)", compose["services"]["milvus"]["image"]
    )
    assert match
    assert tuple(map(int, match.groups())) >= (2, 6, 11)


def test_only_the_service_is_published_and_only_on_loopback(compose: dict[str, Any]) -> None:
    published = {
        name: service["ports"]
        for name, service in compose["services"].items()
        if "ports" in service
    }
    assert set(published) == {"vitrine"}
    assert all(port.startswith("127.0.0.1:") for port in published["vitrine"])


def test_the_database_network_is_internal(compose: dict[str, Any]) -> None:
    assert compose["networks"]["milvus"]["internal"] is True
    for name, service in compose["services"].items():
        outside = {"outside"} if name == "vitrine" else set()
        assert set(service["networks"]) == {"milvus"} | outside


def test_images_are_pinned_and_the_data_has_volumes(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert not service["image"].endswith(":latest") and ":" in service["image"]
        mounted = {volume.partition(":")[0] for volume in service["volumes"]}
        assert mounted & set(compose["volumes"]), name


def test_everything_that_others_wait_for_has_a_healthcheck(compose: dict[str, Any]) -> None:
    services = compose["services"]
    waited_for = [name for each in services.values() for name in each.get("depends_on", {})]
    assert set(waited_for) == {"etcd", "storage", "milvus"}
    for name in waited_for:
        assert services[name]["healthcheck"]["test"]
    conditions = [c for each in services.values() for c in each.get("depends_on", {}).values()]
    assert all(each["condition"] == "service_healthy" for each in conditions)


def test_environment_names_settings_that_exist(compose: dict[str, Any]) -> None:
    known = {f"VITRINE_{name.upper()}" for name in Settings.model_fields}
    in_compose = set(compose["services"]["vitrine"]["environment"])
    in_dockerfile = set(re.findall(r"\b(VITRINE_\w+)=", DOCKERFILE.read_text(encoding="utf-8")))
    assert in_compose | in_dockerfile <= known


def test_image_version_is_the_packages(compose: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert compose["services"]["vitrine"]["image"] == f"vitrine:{project['version']}"


def test_dockerfile_copies_what_is_there_and_not_ignored() -> None:
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in ignore if line.startswith("!")}
    whole_lines = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in whole_lines.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] != ["COPY"] or any(word.startswith("--from") for word in words):
            continue
        for source in words[1:-1]:
            assert (ROOT / source).exists(), source
            assert source in allowed, source


def test_container_does_not_run_as_root_and_checks_its_health() -> None:
    lines = DOCKERFILE.read_text(encoding="utf-8").splitlines()
    last_stage = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM ")) :]
    assert "USER vitrine" in last_stage
    assert any(line.startswith("HEALTHCHECK") for line in last_stage)
