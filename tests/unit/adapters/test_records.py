"""Records on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from attrs import evolve
from tests.contracts.operations import server_operations, share_operations
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.records import SCHEMA, DiskRecords, decode, encode
from shares_core.app.operations import OPERATIONS
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import ServerName
from shares_core.domain.operation import Operation, ServerOperation, ShareOperation
from shares_core.domain.server import ShareServer


def _kind(operation: Operation | None) -> str:
    return operation.kind if operation is not None else "nothing"


@pytest.fixture
def records(tmp_path: Path) -> DiskRecords:
    return DiskRecords(Layout(tmp_path), OPERATIONS)


def _path(tmp_path: Path) -> Path:
    return tmp_path / "records" / f"{SERVER.id}.json"


def test_every_kind_of_operation_is_tried() -> None:
    """A new kind is not forgotten here."""
    tried = (*server_operations(SHARE.id), *share_operations(SHARE.id))
    assert set(OPERATIONS) == {operation.kind for operation in tried}


@pytest.mark.parametrize("operation", [None, *server_operations(SHARE.id)], ids=_kind)
def test_a_record_reads_as_it_was_written(records: DiskRecords, operation: ServerOperation | None) -> None:
    """What is saved is what is loaded, whatever was under way on the server."""
    _saved_and_loaded(records, SERVER.performing(operation))


@pytest.mark.parametrize("operation", share_operations(SHARE.id), ids=_kind)
def test_a_record_keeps_what_is_under_way_on_a_share(records: DiskRecords, operation: ShareOperation) -> None:
    """In every stage of it."""
    _saved_and_loaded(records, SERVER.with_share(SHARE.beginning(operation)))


def _saved_and_loaded(records: DiskRecords, server: ShareServer) -> None:
    records.save(server)
    assert server == records.load(server.id)
    records.save(server)  # and can be overwritten
    assert (server,) == records.load_all()


def test_an_interface_of_the_first_release_is_attached_to_its_bridge(
    records: DiskRecords, tmp_path: Path
) -> None:
    """There was nothing else, and room for a VLAN that nothing used."""
    records.save(SERVER)
    document = decode(_path(tmp_path).read_bytes(), "")
    for interface in document["interfaces"]:
        assert {"kind": "bridge", "bridge": "tenant-a"} == interface.pop("attachment")
        interface.update(bridge="tenant-a", segment=None)
    _path(tmp_path).write_bytes(encode(document))
    assert SERVER == records.load(SERVER.id)


def test_records_are_listed_by_name(records: DiskRecords) -> None:
    """Names order servers, not ids."""
    other = evolve(SERVER, id="000000000000", name=ServerName("zebra"))
    records.save(other)
    records.save(SERVER)
    assert (SERVER, other) == records.load_all()


def test_removing_a_record_is_idempotent(records: DiskRecords) -> None:
    """A record that is gone is gone."""
    records.save(SERVER)
    records.remove(SERVER.id)
    records.remove(SERVER.id)
    assert records.load(SERVER.id) is None


def test_only_root_can_read_a_record(records: DiskRecords, tmp_path: Path) -> None:
    """Records name users and networks: files are 0600, folders 0700."""
    records.save(SERVER)
    modes = [path.stat().st_mode & 0o777 for path in (_path(tmp_path), _path(tmp_path).parent, tmp_path)]
    assert [0o600, 0o700, 0o700] == modes


def _truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _newer(content: bytes) -> bytes:
    return json.dumps(json.loads(content) | {"schema": SCHEMA + 1}).encode()


def _edited(content: bytes) -> bytes:
    return content.replace(b'"tenant-a"', b'"tenant-b"', 1)


def _strange(content: bytes) -> bytes:
    server = json.loads(content)["server"]
    return encode(server | {"name": "../x"})


def _anothers(content: bytes) -> bytes:
    server = json.loads(content)["server"]
    return encode(server | {"id": "000000000000"})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_truncated, "truncated"),
        (_newer, f"version {SCHEMA + 1} is newer"),
        (_edited, "checksum"),
        (_strange, "server name"),
        (_anothers, "another server"),
        (lambda _: b"[]", "not a record"),
        (lambda _: b"", "truncated"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_and_never_overwritten(
    records: DiskRecords, tmp_path: Path, spoil: Callable[[bytes], bytes], why: str
) -> None:
    """Loading says which file and why; saving and removing refuse; the file stays as it is."""
    records.save(SERVER)
    spoiled = spoil(_path(tmp_path).read_bytes())
    _path(tmp_path).write_bytes(spoiled)
    acts: tuple[Callable[[], object], ...] = (
        lambda: records.load(SERVER.id),
        lambda: records.save(SERVER),
        lambda: records.remove(SERVER.id),
    )
    for act in acts:
        with pytest.raises(RecordUnreadable, match=why) as raised:
            act()
        assert str(_path(tmp_path)) == raised.value.path
    assert spoiled == _path(tmp_path).read_bytes()
    (listed,) = records.load_all()
    assert isinstance(listed, RecordUnreadable)
