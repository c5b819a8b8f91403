"""``shares-core operation``."""

from __future__ import annotations

import pytest
from tests.contracts.operations import ID, SINCE, extending
from tests.unit.cli.terminal import Terminal

from shares_core.app.operations.delete_share import DeleteShare, DeleteStage
from shares_core.app.operations.extend_share import ExtendStage
from shares_core.domain.operation import ShareOperation

KEYS = [
    *("id", "operation", "server", "share", "since", "running", "cancelled"),
    *("cancellable", "no_return", "problem", "progress"),
]


def interrupt(served: Terminal, operation: ShareOperation) -> None:
    """Leave an operation as a killed process does."""
    record = served.world.record("tenant")
    share = record.share("files")
    served.world.machine.records[record.id] = record.with_share(share.beginning(operation))


def interrupted_extension(served: Terminal, stage: ExtendStage) -> None:
    interrupt(served, extending(served.world.share("tenant", "files").id, stage))


def test_an_empty_list_of_operations_says_so(served: Terminal) -> None:
    """An empty list, and a sentence for people."""
    assert "nothing is under way\n" == served.ok("operation", "list").out
    assert [] == served.ok("operation", "list", "--json").document


def test_operations_are_listed_and_shown(served: Terminal) -> None:
    """With all keys, even those without a value."""
    interrupted_extension(served, ExtendStage.MOUNTED)
    head, line = served.ok("operation", "list").out.splitlines()
    assert ["ID", "OPERATION", "SERVER", "SHARE", "FOR", "STATE"] == head.split()
    assert [ID, "share.extend", "tenant", "files"] == line.split()[:4]
    assert "interrupted" == line.split()[-1]
    (listed,) = served.ok("operation", "list", "--json").document
    assert KEYS == list(listed)
    assert listed == served.ok("operation", "show", ID, "--json").document
    assert (SINCE, False, False) == (listed["since"], listed["running"], listed["cancellable"])
    shown = served.ok("operation", "show", ID).out
    assert "cancel     not possible: its file system is growing" in shown


def test_a_share_and_its_server_show_their_operations(served: Terminal) -> None:
    """By kind and id, for people and for programs."""
    interrupted_extension(served, ExtendStage.UNMOUNTED)
    named = {"id": ID, "operation": "share.extend", "since": SINCE}
    shown = served.ok("share", "show", "tenant", "files", "--json").document
    assert ("extending", named) == (shown["status"], shown["operation"])
    of_server = served.ok("server", "show", "tenant", "--json").document
    assert [{"share": "files"} | named] == of_server["operations"]
    assert f"operation   share.extend {ID}\n" in served.ok("share", "show", "tenant", "files").out
    assert (
        f"share files: 64 MiB, extending (share.extend {ID})\n" in served.ok("server", "show", "tenant").out
    )


def test_the_progress_of_a_running_operation_is_shown(served: Terminal) -> None:
    """In the list and alone; an interrupted operation has none."""
    interrupted_extension(served, ExtendStage.UNMOUNTED)
    machine = served.world.machine
    machine.progress[ID] = 1, 3
    assert served.ok("operation", "list", "--json").document[0]["progress"] is None
    with machine.lock_table.take(served.world.share("tenant", "files").id):
        assert served.ok("operation", "list").out.rstrip().endswith("running, 33%")
        assert "state      running, 33%\n" in served.ok("operation", "show", ID).out
        assert 1 / 3 == served.ok("operation", "show", ID, "--json").document["progress"]


def test_a_cancel_undoes_an_interrupted_operation(served: Terminal) -> None:
    """The operation is gone when the command returns."""
    interrupted_extension(served, ExtendStage.VOLUME)
    told = served.ok("operation", "cancel", ID).out
    assert f"share.extend {ID} was interrupted, and is undone now\n" == told
    assert [] == served.ok("operation", "list", "--json").document
    assert 3 == served("operation", "show", ID).status


@pytest.mark.parametrize("kind", ["extend", "delete"])
def test_an_operation_past_its_point_of_no_return_cannot_be_cancelled(served: Terminal, kind: str) -> None:
    """A conflict, which names why, and nothing changes."""
    if kind == "extend":
        interrupted_extension(served, ExtendStage.UNMOUNTED)
    else:
        share_id = served.world.share("tenant", "files").id
        interrupt(served, DeleteShare(id=ID, since=0, share_id=share_id, stage=DeleteStage.REMOVING))
    before = dict(served.world.machine.records)
    result = served("operation", "cancel", ID)
    assert (4, before) == (result.status, served.world.machine.records)
    assert "cannot be cancelled: its" in result.err
