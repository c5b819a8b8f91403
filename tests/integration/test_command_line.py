"""The command line on the real host: the demo, and the commands that examine the host."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shares_core import Capacity, FilePool
from shares_core.adapters.containers.client import Docker
from shares_core.adapters.containers.image import ImageBuilder, ImageStatus, image_state
from shares_core.adapters.samba.profile import SMB
from shares_core.entrypoints.cli import main
from tests.testkit.footprint import footprint, image_of
from tests.testkit.site import Site, opened_site

#: A command's exit status and its one JSON document.
Run = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def own_site() -> Iterator[Site]:
    with opened_site() as site:
        yield site


@pytest.fixture
def run(own_site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, on the site's installation."""
    settings = own_site.config
    pool = settings.pool()
    assert isinstance(pool, FilePool)
    config = tmp_path / "config.toml"
    config.write_text(
        f'state_dir = "{settings.state_dir}"\n'
        f'[network]\nbridge = "{settings.network.bridge}"\nsubnet = "{settings.network.subnet}"\n'
        f'[pool]\nsize = "{pool.size.bytes}"\n'
    )

    def command(*words: str) -> tuple[int, Any]:
        status = main(["--config", str(config), "--json", *words])
        return status, json.loads(capsys.readouterr().out)

    return command


def test_the_demo_does_the_main_job_and_leaves_nothing(own_site: Site, run: Run) -> None:
    """Every step succeeds, with a real client, and the host is as it was."""
    own_site.host.servers.create("before")  # what an installation makes only once exists
    own_site.host.servers.delete("before")
    before = footprint(own_site.config)
    status, document = run("demo")
    assert 0 == status
    assert before == footprint(own_site.config)
    said = json.dumps(document)
    assert "NT_STATUS_ACCESS_DENIED" in said
    assert "NT_STATUS_NETWORK_NAME_DELETED" in said


def test_a_kept_demo_goes_on_and_is_not_overwritten(own_site: Site, run: Run) -> None:
    """With --keep its server goes on; another demo then refuses, and says how to remove it."""
    assert run("demo", "--keep")[0] == 0
    try:
        assert [server["name"] for server in run("server", "list")[1]] == ["shares-core-demo"]
        status, document = run("demo")
        assert (4, "shares-core-demo") == (status, next(iter(document["error"]["message"].split("'")[1:2])))
    finally:
        assert run("server", "delete", "shares-core-demo", "--with-shares")[0] == 0
    assert run("server", "list") == (0, [])


@pytest.fixture
def tended(own_site: Site) -> Iterator[str]:
    """The name of a server with the share "files"."""
    own_site.host.servers.create("tended")
    try:
        own_site.host.shares.create("tended", "files", Capacity.parse("16MiB"))
        yield "tended"
    finally:
        own_site.host.servers.delete("tended", with_shares=True)


def test_reconcile_reports_what_ended_and_brings_it_back(own_site: Site, run: Run, tended: str) -> None:
    """A dry run only reports it; after the reconcile there is nothing to report."""
    server_id = own_site.host.servers.show(tended).server.id
    Docker().api.remove_container(f"shares-{server_id}", force=True)
    for words, outcome in ((("--dry-run",), "found"), ((), "ok")):
        status, document = run("reconcile", *words)
        assert (0, [(tended, outcome)]) == (
            status,
            [(server["server"], server["outcome"]) for server in document["servers"]],
        )
    assert (0, {"known": 1, "servers": [], "orphans": [], "nearly_full": []}) == run("reconcile", "--dry-run")


def test_an_orphan_is_removed_on_request(own_site: Site, run: Run, tended: str) -> None:
    """Until then it exists, and is reported."""
    own_site.host.servers.create("lost")
    own_site.host.shares.create("lost", "files", Capacity.parse("16MiB"))
    server = own_site.host.servers.show("lost").server
    image = image_of(own_site.config, server, "files")
    (own_site.config.state_dir / "records" / f"{server.id}.json").unlink()
    for words, is_removed in (((), False), (("--remove-orphans",), True)):
        status, document = run("reconcile", *words)
        orphans = {orphan["name"]: (orphan["removed"], orphan["problem"]) for orphan in document["orphans"]}
        assert (0, (is_removed, "")) == (status, orphans[f"default/{image.stem}"])
        assert is_removed != image.exists()
    assert (0, {"known": 1, "servers": [], "orphans": [], "nearly_full": []}) == run("reconcile")


def test_current_servers_and_whole_shares_are_left_alone(run: Run, tended: str) -> None:
    """By an upgrade of all servers, and by a check of a share."""
    current = {"server": tended, "outcome": "current", "downtime_seconds": 0.0}
    assert (0, [current]) == run("server", "upgrade", "--all")
    status, document = run("share", "check", tended, "files")
    assert (0, "", "", "ready") == (status, *(document[key] for key in ("damage", "repair", "status")))


def test_doctor_finds_this_host_ready(run: Run) -> None:
    """A host that can run the integration tests lacks nothing."""
    status, document = run("doctor")
    missing = [found for found in document if found["verdict"] == "missing"]
    assert (0, []) == (status, missing)


def test_doctor_names_what_is_missing_with_the_command_that_fixes_it(tmp_path: Path) -> None:
    """Without Docker's daemon or the image, it says so, and exits with 1."""
    config = tmp_path / "config.toml"
    config.write_text(f'state_dir = "{tmp_path}"\n[docker]\nurl = "tcp://127.0.0.1:1"\n')
    assert main(["--config", str(config), "doctor"]) == 1


def test_a_current_image_is_not_built_again(run: Run) -> None:
    """Building is idempotent, and quick if there is nothing to do."""
    status, document = run("image", "build")
    assert (0, False) == (status, document["built"])


def test_an_image_is_built_anew_under_another_name() -> None:
    """The recipe builds, and carries its version as a label."""
    docker = Docker()
    builder = ImageBuilder(docker, "sctest-image", SMB.image)
    try:
        lines: list[str] = []
        assert builder.build(lines.append) is True
        assert lines
        assert ImageStatus.CURRENT is image_state(docker.api, "sctest-image", SMB.image).status
    finally:
        docker.api.remove_image("sctest-image", force=True)
