"""Where Docker is looked for."""

from __future__ import annotations

import pytest

from shares_core.adapters.docker.client import Docker
from shares_core.domain.errors import HostNotReady


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "nonsense", "tcp://[::1"])
def test_a_configured_docker_that_does_not_answer_is_named(url: str) -> None:
    """The hint is about the configuration: what this host could start may be another Docker."""
    with pytest.raises(HostNotReady) as caught:
        _ = Docker(url).api
    assert caught.value.message.startswith(f"connecting to Docker at {url}: ")
    assert "correct [docker] url in the configuration, or start the Docker that it names" == caught.value.hint


def test_without_one_the_host_s_own_docker_is_to_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(HostNotReady) as caught:
        _ = Docker().api
    assert "connecting to Docker: Docker does not answer" == caught.value.message
    assert "systemctl start docker" in caught.value.hint
