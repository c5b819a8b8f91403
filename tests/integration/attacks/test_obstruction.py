"""A compromised smbd obstructs the host's tools: it stops them, floods them, fills up its space."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shares_core import AccessLevel, AccessRule, BackendFailure, Capacity
from shares_core.adapters.containers import processes
from shares_core.domain.remedy import Call, UseCase
from tests.integration.conftest import Tenant
from tests.integration.support.intruder import Intruder, in_time, refused
from tests.testkit.clients import SmbClient, still_admitted
from tests.testkit.probes import until
from tests.testkit.site import Site

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"

#: Stops every tool that the host runs inside, as soon as it appears.
STOPPING = """
for process in /proc/[0-9]*; do
  { read -r name < $process/comm; } 2>/dev/null
  case $name in smbcontrol|net) kill -STOP ${process#/proc/} 2>/dev/null ;; esac
done
"""
#: Stops what a docker exec runs, and prints endless output in its place.
FLOODING = """
for process in /proc/[0-9]*; do
  mapfile -d '' -t words < $process/cmdline
  [[ ${words[*]} == *"revoke close-"user* ]] || continue
  kill -STOP ${process#/proc/}; yes 'session 7\\ada\\flood' > $process/fd/1
done 2>/dev/null
"""


@pytest.fixture
def neighbour(site: Site, tenant: Tenant, remove_after: Callable[[str], str]) -> SmbClient:
    """The honest user of another server."""
    name = remove_after("honest-neighbour")
    view = site.host.servers.create(name)
    site.host.shares.create(name, "files", Capacity.parse("32MiB"))
    address = str(view.server.interfaces[0].addresses[0].ip)
    return site.smb(tenant.namespace, address, "nora", site.allow(name, "files", "nora"))


@pytest.mark.parametrize(
    ("with_agent", "step", "said"),
    [
        (True, STOPPING, "does not end"),
        (False, STOPPING, "does not end"),
        (False, FLOODING, "says too much"),
    ],
)
def test_a_revocation_that_is_obstructed_fails_in_time(
    tenant: Tenant,
    intruder: Intruder,
    neighbour: SmbClient,
    monkeypatch: pytest.MonkeyPatch,
    with_agent: bool,
    step: str,
    said: str,
) -> None:
    """A deny that its server holds up is an error in time, and takes effect once the server is stopped."""
    host, server = tenant.site.host, tenant.server
    ada, bob = tenant.user("ada"), tenant.user("bob")
    assert ada.do("files", "ls").status == OK
    monkeypatch.setattr(processes, "_SECONDS", 2.0 if said == "does not end" else 30.0)
    if not with_agent:
        intruder.kill_agent()
    with still_admitted(neighbour), ada.connection() as session:
        ada.tree(session, "files")
        with intruder.looping(step):
            with in_time(30), pytest.raises(BackendFailure, match=said) as raised:
                host.access.deny(server, "files", "ada")
            assert "stop the server" in raised.value.hint
            assert "ada" not in {str(rule.principal.name) for rule in host.access.list(server, "files")}
            host.servers.stop(server)
    host.servers.start(server)
    assert ada.do("files", "ls").status == DENIED
    assert bob.do("files", "ls").status == OK


def test_the_hosts_disk_cannot_be_filled(tenant: Tenant, intruder: Intruder, neighbour: SmbClient) -> None:
    """All that a server can write outside its shares is bounded; what takes up the space is removed."""
    host = tenant.site.host
    ada = tenant.user("ada")
    with still_admitted(neighbour):
        for folder in ("/private", "/tmp", "/run", "/dev/shm", "/var/lib/samba"):
            refused(intruder.sh(f"head -c 100M /dev/zero > {folder}/large"), "No space left")
            intruder.succeeds(f"[ $(stat -c %s {folder}/large) -le $((65 << 20)) ]")
            if folder != "/private":
                intruder.succeeds(f"rm {folder}/large")
        many = "cd /private; for ((i = 0; i < 40000; i++)); do : > file-$i || exit 1; done"
        refused(intruder.sh(many), "No space left")
        host.access.allow(tenant.server, "files", "bob")
        assert intruder.succeeds("ls /private").split() == ["smbpasswd"]
    assert ada.do("files", "ls").status == OK


def test_room_that_is_held_is_an_error_until_a_restart(
    tenant: Tenant, intruder: Intruder, neighbour: SmbClient
) -> None:
    """If a deleted but open file takes all space, the error says so; a restart frees it.

    Configurations that are no larger than before still fit, so that a deny is always possible.
    """
    host, server = tenant.site.host, tenant.server
    ada = tenant.user("ada")
    intruder.start(
        "exec 9> /private/held; head -c 100M /dev/zero >&9; rm /private/held; : > /tmp/full; sleep 300"
    )
    assert intruder.sh("until [ -e /tmp/full ]; do sleep 0.05; done")[0] == 0
    many = [AccessRule.for_user(f"user-{number}", AccessLevel.READ_ONLY) for number in range(120)]
    kept = host.access.list(server, "files")
    with still_admitted(neighbour), pytest.raises(BackendFailure, match="is full of what its smbd") as raised:
        host.access.replace(server, "files", [*kept, *many])
    assert Call(UseCase.SERVERS_STOP, (server,)) in raised.value.remedy.parts
    assert host.access.deny(server, "files", "ada")
    host.access.allow(server, "files", "ada")
    host.servers.stop(server)
    host.servers.start(server)
    bob = tenant.user("bob")
    with still_admitted(ada), still_admitted(bob):
        assert host.servers.show(server).problem == ""


def test_a_server_that_is_killed_from_inside_is_brought_back(
    tenant: Tenant, intruder: Intruder, neighbour: SmbClient
) -> None:
    """Show says that a server has ended itself; reconcile serves its data again; no other is affected."""
    host = tenant.site.host
    ada = tenant.user("ada")
    with still_admitted(neighbour):
        intruder.sh("kill -KILL -1")
        assert until(lambda: "it should run but does not" in host.servers.show(tenant.server).problem)
        assert all(view.problem == "" for view in host.fleet.reconcile().servers)
    assert ada.do("files", "ls").status == OK
