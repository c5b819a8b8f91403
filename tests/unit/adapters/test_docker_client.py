"""Where the library looks for Docker."""

from __future__ import annotations

import pytest

from shares_core.adapters.containers.client import Docker
from shares_core.domain.errors import HostNotReady
from shares_core.entrypoints.cli.remedies import worded


@pytest.mark.parametrize("url", ["tcp://127.0.0.1:1", "nonsense", "tcp://[::1"])
def test_a_configured_docker_that_does_not_answer_is_named(url: str) -> None:
    """The hint is about the configuration: what this host could start may be another Docker."""
    with pytest.raises(HostNotReady) as caught:
        _ = Docker(url).api
    assert caught.value.message.startswith(f"connecting to Docker at {url}: ")
    assert "correct [docker] url in the configuration" in caught.value.hint


def test_without_a_configured_docker_the_hint_starts_the_hosts_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(HostNotReady) as caught:
        _ = Docker().api
    assert "connecting to Docker: Docker does not answer" == caught.value.message
    assert "'systemctl start docker'" in worded(caught.value.remedy)


@pytest.mark.parametrize("address", ["tcp://h:abc", "tcp://h:99999999", "tcp://[::1"])
def test_a_wrong_address_in_the_environment_is_named_by_its_variable(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", address)
    with pytest.raises(HostNotReady, match="where DOCKER_HOST says") as caught:
        _ = Docker().api
    assert "DOCKER_HOST in the environment" in caught.value.hint
