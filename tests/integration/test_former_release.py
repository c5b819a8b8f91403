"""Servers and shares that the first release and the last one made, with today's code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from attrs import frozen

from shares_core import Capacity
from shares_core.domain.share import ShareStatus
from shares_core.domain.views import LARGEST_STREAM
from tests.former import RELEASES, extracted, python
from tests.integration.support.images import changed_image
from tests.testkit.clients import ClientNamespace, SmbClient, nt_status, open_file
from tests.testkit.footprint import footprint
from tests.testkit.site import Site, opened_site

OK = "NT_STATUS_OK"
SERVER, PASSWORD = "former", "correct horse battery"
SHARES = ("files", "large")
#: With such a release: a server, a share of each file system, a user on both. Prints the server's address.
_MAKE = """
import sys
from shares_core import Capacity, FileSystemKind, HostConfig, Secret, open_host
host = open_host(HostConfig.load(sys.argv[1]))
server = host.servers.create("former").server
host.shares.create("former", "files", Capacity.parse("64MiB"))
host.shares.create("former", "large", Capacity.parse("320MiB"), FileSystemKind.XFS)
host.access.allow("former", "files", "ada", password=Secret(sys.argv[2]))
host.access.allow("former", "large", "ada")
print(server.interfaces[0].addresses[0].ip)
"""
#: Prints the version of each release's recipe, by its schema.
_RECIPES = {
    1: "from shares_core.adapters.docker.image import recipe_version; print(recipe_version())",
    **dict.fromkeys(
        (2, 3, 4),
        "from shares_core.adapters.containers.image import recipe_version; print(recipe_version('samba'))",
    ),
}


@frozen
class Former:
    """A host on which the release of a schema has made a server that runs, with a file on each share."""

    schema: int
    site: Site
    ada: SmbClient

    def has(self, name: str) -> list[object]:
        return [self.ada.get(share, name) for share in SHARES]

    def full_access(self, name: str) -> list[str]:
        """What a client gets that asks for FILE_ALL_ACCESS."""
        with self.ada.connection() as session:
            return [
                nt_status(partial(open_file, self.ada.tree(session, share), name, 0x1F01FF))
                for share in SHARES
            ]


@pytest.fixture(params=[min(RELEASES), max(RELEASES)])
def former(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Former]:
    schema: int = request.param
    sources = extracted(tmp_path, schema)
    recipe = python(sources, "-c", _RECIPES[schema]).stdout.strip()
    with opened_site() as site, changed_image(site, f"LABEL shares-core.recipe={recipe}") as image:
        settings = tmp_path / "settings.toml"
        network = site.config.network
        # TOML takes JSON's text.
        settings.write_text(
            f"state_dir = {json.dumps(str(site.config.state_dir))}\n"
            f'[pool]\nsize = "20GiB"\n'
            f'[network]\nbridge = "{network.bridge}"\nsubnet = "{network.subnet}"\n'
            f'[docker]\nimage = "{image}"\n'
        )
        made = python(sources, "-c", _MAKE, str(settings), PASSWORD)
        assert made.returncode == 0, made.stderr
        namespace = ClientNamespace.beside(site.host.servers.show(SERVER).server.interfaces[0])
        site.namespaces.append(namespace)
        ada = site.smb(namespace, made.stdout.strip(), "ada", PASSWORD)
        assert [OK, OK] == [ada.put(share, "kept", b"kept").status for share in SHARES]
        yield Former(schema, site, ada)


def test_servers_of_a_former_release_are_still_served(former: Former) -> None:
    """Before any change, and after a reconcile has given it today's image.

    Shares grow, are checked and deleted, users keep their passwords, and new shares can be added.
    """
    host, ada = former.site.host, former.ada
    assert [b"kept", b"kept"] == former.has("kept")
    (found,) = host.fleet.reconcile().servers
    assert ("", ()) == (found.problem, found.failed_shares)
    assert host.fleet.reconcile().is_empty
    assert [b"kept", b"kept"] == former.has("kept")
    assert [OK, OK] == former.full_access("kept")
    limits = {str(view.share.name): view.stream_limit for view in host.shares.list(SERVER)}
    assert {"files": 1024 if former.schema < 3 else LARGEST_STREAM, "large": LARGEST_STREAM} == limits
    assert [OK, OK] == [ada.put(share, "more", b"more").status for share in SHARES]
    host.shares.extend(SERVER, "files", Capacity.parse("96MiB"))
    assert "" == host.shares.check(SERVER, "large").damage
    host.shares.create(SERVER, "new", Capacity.parse("64MiB"))
    host.access.allow(SERVER, "new", "ada")
    assert OK == ada.put("new", "x", b"x").status
    host.servers.stop(SERVER)
    host.servers.start(SERVER)
    assert [b"more", b"more"] == former.has("more")
    host.access.deny(SERVER, "files", "ada")
    assert "NT_STATUS_BAD_NETWORK_NAME" == ada.do("files", "ls").status  # no rule, no section
    shares = {str(view.share.name): view.share for view in host.shares.list(SERVER)}
    assert {ShareStatus.READY} == {share.status for share in shares.values()}
    owners = {name: share.volume.owner for name, share in shares.items()}
    if former.schema == 1:
        uid = host.servers.show(SERVER).server.uid
        assert uid == owners["files"] == owners["large"] != owners["new"]
    host.servers.delete(SERVER, with_shares=True)
    left = footprint(former.site.config)  # the bridge has the client's own port on it
    assert ([], [], []) == (left["containers"], left["mounts"], left["loops"])
