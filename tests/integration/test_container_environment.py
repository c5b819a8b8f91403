"""What a tenant's container can read in its environment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from shares_core.adapters.containers.runtime import container_name
from tests.contracts.values import UID
from tests.integration.support.contract_world import RealWorld

_PROXY = "http://somebody:secret@proxy.example:3128"


@pytest.fixture
def proxies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[docker.APIClient]:
    """A client of root's Docker, with a configuration that names proxies with a password."""
    kinds = ("httpProxy", "httpsProxy", "ftpProxy", "noProxy", "allProxy")
    config = {"proxies": {"default": dict.fromkeys(kinds, _PROXY)}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    client = docker.from_env().api
    yield client
    client.close()


@pytest.fixture
def world() -> Iterator[RealWorld]:
    made = RealWorld()
    try:
        yield made
    finally:
        made.close()


def _environment(found: dict[str, Any]) -> list[str]:
    return sorted(found["Config"]["Env"] or ())


def test_a_container_has_only_its_images_environment(proxies: docker.APIClient, world: RealWorld) -> None:
    """It does not get the proxies that Docker's client adds to other containers, often with a password."""
    server_id = world.new_id()
    world.ports.folders.ensure(server_id, UID)
    world.ports.runtime.ensure(server_id, UID)
    image = _environment(proxies.inspect_image(world.config.docker.image))
    assert image == _environment(proxies.inspect_container(container_name(server_id)))
    other = proxies.create_container(world.config.docker.image)
    try:
        assert f"HTTP_PROXY={_PROXY}" in _environment(proxies.inspect_container(other))
    finally:
        proxies.remove_container(other)
