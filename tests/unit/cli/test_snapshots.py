"""``shares-core snapshot``, and shares made from snapshots."""

from __future__ import annotations

import pytest
from tests.unit.cli.terminal import Terminal

from shares_core.domain.pools import SnapshotWay

SNAPSHOT_KEYS = [
    *("name", "server", "share", "id", "taken", "token", "capacity_bytes", "capacity", "scheduled"),
    *("export", "export_locations", "locations", "access"),
]


def test_snapshots_are_taken_listed_and_shown(served: Terminal) -> None:
    """With the moment by which clients know them."""
    said = served.ok("snapshot", "create", "tenant", "files", "before").out
    assert "snapshot  before\n" in said
    assert "taken     @GMT-2023.11.14-22.13.20\n" in said
    served.ok("snapshot", "create", "tenant", "files")
    document = served.ok("snapshot", "show", "tenant", "files", "before", "--json").document
    assert SNAPSHOT_KEYS == list(document)
    assert ["before", "20231114T221321Z"] == [
        each["name"] for each in served.ok("snapshot", "list", "tenant", "--json").document
    ]
    shown = served.ok("share", "show", "tenant", "files", "--json").document
    assert ["before", "20231114T221321Z"] == shown["snapshots"]
    assert "snapshots   2\n" in served.ok("share", "show", "tenant", "files").out


def test_a_snapshot_is_deleted_alone_or_with_its_share(served: Terminal) -> None:
    """Without being told so, a share keeps its snapshots, and so itself."""
    for name in ("one", "two"):
        served.ok("snapshot", "create", "tenant", "files", name)
    assert (
        "snapshot one of share files is deleted"
        in served.ok("snapshot", "delete", "tenant", "files", "one").out
    )
    result = served("share", "delete", "tenant", "files")
    assert (4, True) == (result.status, "share 'files' still has 1 snapshot(s)" in result.err)
    assert "--with-snapshots" in result.err
    served.ok("share", "delete", "tenant", "files", "--with-snapshots")
    assert not served.world.machine.volumes.keys() & {
        share.volume.ref for share in served.world.record("tenant").shares
    }


def test_a_share_goes_back_to_its_newest_snapshot(served: Terminal) -> None:
    """To an older one only with --older; a size that returns is told."""
    for name in ("one", "two"):
        served.ok("snapshot", "create", "tenant", "files", name)
    served.ok("share", "extend", "tenant", "files", "--size", "96MiB")
    result = served("snapshot", "revert", "tenant", "files", "one")
    assert (4, True) == (
        result.status,
        "snapshot one is not the newest of share 'files': two is" in result.err,
    )
    assert "--older" in result.err
    said = served.ok("snapshot", "revert", "tenant", "files", "one", "--older").out
    assert "share files holds again what it held at one\nit has 64 MiB again, and not 96 MiB\n" == said
    document = served.ok("snapshot", "revert", "tenant", "files", "two", "--json").document
    assert [*SNAPSHOT_KEYS, "capacity_before_bytes"] == list(document)


def test_a_snapshot_is_exported_as_a_share_of_its_own(served: Terminal) -> None:
    """Nobody may use it at first; who is let in may read; then it can be taken back, and deleted."""
    served.ok("snapshot", "create", "tenant", "files", "before")
    said = served.ok("snapshot", "export", "tenant", "files", "before").out
    assert "exported as  files@before\n" in said
    assert "access       nobody\n" in said
    assert "//10.254.0.2/files@before\n" in said
    said = served.ok("access", "allow", "tenant", "files@before", "carl").out
    assert "carl may only read files@before on tenant\n" in said
    assert "smbclient //10.254.0.2/files@before -U carl\n" in said
    document = served.ok("snapshot", "show", "tenant", "files", "before", "--json").document
    assert ("files@before", [{"user": "carl", "level": "ro"}]) == (document["export"], document["access"])
    assert document["export_locations"] == [r"\\10.254.0.2\files@before"]
    assert "carl  ro" in served.ok("access", "list", "tenant", "FILES@Before").out
    assert "exported    files@before: carl (ro)\n" in served.ok("share", "show", "tenant", "files").out
    served.ok("access", "allow", "tenant", "files", "carl")
    said = served.ok("access", "deny", "tenant", "files", "carl").out
    assert "carl may not use files on tenant any more\ncarl may still read files@before\n" == said
    result = served("snapshot", "delete", "tenant", "files", "before")
    assert (4, True) == (result.status, "is exported as files@before" in result.err)
    assert "'shares-core" in result.err
    assert "snapshot unexport tenant files before' first" in result.err
    assert "is not exported" in served.ok("snapshot", "unexport", "tenant", "files", "before").out
    result = served("access", "allow", "tenant", "files@before", "carl")
    assert (3, True) == (result.status, "snapshot export tenant files before' makes it one" in result.err)
    served.ok("snapshot", "delete", "tenant", "files", "before")


def test_a_share_is_made_from_a_snapshot(served: Terminal) -> None:
    """With its size, or a larger one."""
    served.ok("snapshot", "create", "tenant", "files", "s")
    served.ok("share", "create", "tenant", "same", "--from-snapshot", "tenant/files@s")
    served.ok("share", "create", "tenant", "more", "--from-snapshot", "tenant/files@s", "--size", "96MiB")
    sizes = [served.world.share("tenant", name).capacity for name in ("same", "more")]
    assert ["64 MiB", "96 MiB"] == list(map(str, sizes))
    for given, said in (
        (("--size", "16MiB"), "snapshot s has 64 MiB, more than 16 MiB"),
        (("--filesystem", "xfs"), "leave out --filesystem and --case-fold"),
    ):
        result = served("share", "create", "tenant", "less", "--from-snapshot", "tenant/files@s", *given)
        assert (2, True) == (result.status, said in result.err), result.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("share", "create", "tenant", "x"), 2, "say --size, or --from-snapshot"),
        (("share", "create", "tenant", "x", "--from-snapshot", "files"), 2, "give SERVER/SHARE@SNAPSHOT"),
        (("share", "create", "tenant", "x", "--from-snapshot", "tenant/files@no"), 3, "snapshot 'no'"),
        (("snapshot", "create", "tenant", "files", "a b"), 2, "cannot be used"),
        (("snapshot", "create", "tenant", "no"), 3, "share 'no'"),
        (("snapshot", "revert", "tenant", "files", "no"), 3, "snapshot 'no'"),
        (("snapshot", "export", "tenant", "files", "no"), 3, "snapshot 'no'"),
        (("snapshot", "unexport", "tenant", "files", "no"), 3, "snapshot 'no'"),
        (("access", "allow", "tenant", "files@no", "ada"), 3, "share 'files@no'"),
        (("snapshot", "delete", "tenant", "files", "no"), 3, "snapshot 'no'"),
    ],
)
def test_bad_requests_change_nothing(
    served: Terminal, arguments: tuple[str, ...], status: int, said: str
) -> None:
    before = dict(served.world.machine.records)
    result = served(*arguments)
    assert (status, True) == (result.status, said in result.err), result.err
    assert before == served.world.machine.records


def test_a_pool_that_cannot_share_blocks_says_so(served: Terminal) -> None:
    served.world.machine.snapshot_way = SnapshotWay.COPYING_READ_ONLY
    before = dict(served.world.machine.volumes)
    refused = served("snapshot", "create", "tenant", "files", "first")
    assert (4, True) == (refused.status, "--copy" in refused.err), refused.err
    assert before == served.world.machine.volumes
    assert 0 == served("snapshot", "create", "tenant", "files", "first", "--copy").status
    assert 4 == served("snapshot", "revert", "tenant", "files", "first").status
    assert 0 == served("snapshot", "revert", "tenant", "files", "first", "--copy").status
    cloned = ("share", "create", "tenant", "copy", "--from-snapshot", "tenant/files@first")
    assert 4 == served(*cloned).status
    assert 0 == served(*cloned, "--copy").status
    assert 4 == served("schedule", "set", "tenant", "files", "--daily", "2").status
