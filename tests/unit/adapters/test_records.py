"""Records on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from attrs import evolve
from tests.contracts.operations import server_operations, share_operations
from tests.unit.adapters.test_migrations import BY_NAME, RECORDS
from tests.unit.adapters.values import SERVER, SHARE

from shares_core.adapters.state import recordfile
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.migrations import SCHEMA
from shares_core.adapters.state.recordfile import encode
from shares_core.adapters.state.records import DiskRecords
from shares_core.app.operations import OPERATIONS
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import ServerName
from shares_core.domain.operation import Operation, ServerOperation, ShareOperation
from shares_core.domain.server import DesiredState, ShareServer
from shares_core.domain.volume import VolumeTraits


def _kind(operation: Operation | None) -> str:
    return operation.kind if operation is not None else "nothing"


@pytest.fixture
def records(tmp_path: Path) -> DiskRecords:
    return DiskRecords(Layout(tmp_path), OPERATIONS)


def _path(tmp_path: Path) -> Path:
    return tmp_path / "records" / f"{SERVER.id}.json"


def test_every_kind_of_operation_is_saved() -> None:
    """A new kind cannot be forgotten."""
    tried = (*server_operations(SHARE.id), *share_operations(SHARE.id))
    assert set(OPERATIONS) == {operation.kind for operation in tried}


@pytest.mark.parametrize("operation", [None, *server_operations(SHARE.id)], ids=_kind)
def test_a_record_reads_as_it_was_written(records: DiskRecords, operation: ServerOperation | None) -> None:
    """Whatever is under way on the server."""
    _saved_and_loaded(records, SERVER.performing(operation))


@pytest.mark.parametrize("operation", share_operations(SHARE.id), ids=_kind)
def test_a_record_keeps_the_operation_of_a_share(records: DiskRecords, operation: ShareOperation) -> None:
    """In every stage of it."""
    _saved_and_loaded(records, SERVER.with_share(SHARE.beginning(operation)))


def _saved_and_loaded(records: DiskRecords, server: ShareServer) -> None:
    records.save(server)
    assert server == records.load(server.id)
    records.save(server)  # and can be overwritten
    assert (server,) == records.load_all()


def test_records_are_listed_by_name(records: DiskRecords) -> None:
    """The order is that of names, not ids."""
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
    head, _, rest = content.partition(b"\n")
    return head + b"\n" + rest.replace(b'"tenant-a"', b'"tenant-b"', 1)


def _edited_claim(content: bytes) -> bytes:
    return content.replace(b'"tenant-a"', b'"tenant-b"', 1)


def _with(content: bytes, **values: object) -> bytes:
    """The record, checksums and all, with other values of its server."""
    whole = json.loads(content)
    claim = whole["claim"] | {key: value for key, value in values.items() if key in whole["claim"]}
    return encode(claim, whole["server"] | values)


def _claims_another_name(content: bytes) -> bytes:
    whole = json.loads(content)
    return encode(whole["claim"] | {"name": "tenant-b"}, whole["server"])


def _has_more(content: bytes) -> bytes:
    return content.replace(b"{", b'{"more": 1, ', 1)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_truncated, "truncated"),
        (_newer, f"version {SCHEMA + 1} is newer"),
        (_edited, "checksum"),
        (_edited_claim, "first line"),
        (lambda content: content + b" ", "first line"),
        (_claims_another_name, "first line"),
        (_has_more, "first line"),
        (lambda content: _with(content, name="../x"), "server name"),
        (lambda content: _with(content, id="0" * 12), "another server"),
        (lambda content: _with(content, shares=[{}]), r"shares\[0\]: '\w+' is missing"),
        (lambda content: _with(content, more=1), "'more' is not known"),
        (lambda content: _with(content, operation={"kind": "server.move"}), "operation: its kind"),
        (lambda _: b"[]", "not a record"),
        (lambda _: b"", "truncated"),
    ],
)
def test_an_unreadable_record_is_named_and_never_overwritten(
    records: DiskRecords, tmp_path: Path, spoil: Callable[[bytes], bytes], why: str
) -> None:
    """Loading names the file and the reason; saving and removing refuse; the file stays as it is."""
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


@pytest.mark.parametrize("schema", RECORDS)
@pytest.mark.parametrize("name", BY_NAME)
def test_a_record_of_a_former_schema_is_read_and_then_written_anew(
    tmp_path: Path, name: str, schema: int
) -> None:
    """With everything in it; until then it stays as it is, byte for byte."""
    server_id = BY_NAME[name]["id"]
    path = tmp_path / "records" / f"{server_id}.json"
    path.parent.mkdir()
    path.write_bytes((RECORDS[schema] / path.name).read_bytes())
    traits = VolumeTraits(thin=True, zeroed=True, discards=True)
    records = DiskRecords(Layout(tmp_path), OPERATIONS, traits)
    server = records.load(server_id)
    assert server is not None
    assert {traits if schema == 1 else VolumeTraits()} >= {share.volume.traits for share in server.shares}
    assert server == records.find(ServerName(name.upper()))
    assert (server.claim,) == records.claims()
    assert (RECORDS[schema] / path.name).read_bytes() == path.read_bytes()
    records.save(server)
    assert json.loads(path.read_bytes())["schema"] == SCHEMA
    assert server == DiskRecords(Layout(tmp_path), OPERATIONS).load(server_id)


def test_a_share_keeps_its_status_of_schema_1(tmp_path: Path) -> None:
    """Ready, failed, damaged, or in an operation; and served as before."""
    shutil.copytree(RECORDS[1], tmp_path / "records")
    for record in DiskRecords(Layout(tmp_path), OPERATIONS).load_all():
        assert isinstance(record, ShareServer)
        former = BY_NAME[str(record.name)]
        intent = former["intent"] or {"kind": ""}
        for share, before in zip(record.shares, former["shares"], strict=True):
            status = before["status"]
            if status == "extending":  # which no release recorded: what was extended was ready
                status = "ready"
            if intent["kind"] in ("ExtendShare", "CheckShare") and status == "ready":
                status = {"ExtendShare": "extending", "CheckShare": "checking"}[intent["kind"]]
            assert (status, before["damaged"], before["reason"]) == (
                share.status,
                share.damaged,
                share.reason,
            )
            assert share.served == (status in ("ready", "extending") and bool(share.rules))


class Reading:
    """Counts the records that are read whole and decoded."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        decode = recordfile.decode

        def counting(content: bytes) -> recordfile.RecordFile:
            self.count += 1
            return decode(content)

        patch.setattr(recordfile, "decode", counting)

    def of(self, act: Callable[[], object]) -> int:
        before = self.count
        act()
        return self.count - before


def _many(records: DiskRecords, count: int) -> list[ShareServer]:
    servers = [
        evolve(SERVER, id=f"{number:012x}", name=ServerName(f"s{number}"), operation=None)
        for number in range(count)
    ]
    for server in servers:
        records.save(server)
    return servers


def test_no_other_record_is_read_to_find_one(
    records: DiskRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor to find the claims, nor to save what this process has read or written before."""
    servers = _many(records, 20)
    fresh, reading = DiskRecords(Layout(tmp_path), OPERATIONS), Reading(monkeypatch)
    assert 1 == reading.of(lambda: fresh.find(servers[7].name))
    assert 0 == reading.of(lambda: fresh.find(ServerName("absent")))
    assert 0 == reading.of(fresh.claims)
    assert 0 == reading.of(lambda: fresh.save(servers[7]))
    assert 0 == reading.of(lambda: fresh.save(servers[7]))
    assert 1 == reading.of(lambda: fresh.save(servers[8]))


def test_a_record_that_another_process_wrote_is_read_before_it_is_replaced(
    records: DiskRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be of a later release."""
    records.save(SERVER)
    DiskRecords(Layout(tmp_path), OPERATIONS).save(SERVER.wanting(DesiredState.RUNNING))
    reading = Reading(monkeypatch)
    assert 1 == reading.of(lambda: records.save(SERVER))
    _path(tmp_path).write_bytes(_newer(_path(tmp_path).read_bytes()))
    with pytest.raises(RecordUnreadable, match="newer"):
        records.save(SERVER)


def test_a_record_is_decoded_once_until_somebody_changes_it(
    records: DiskRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read each time all the same: another process may have written it."""
    records.save(SERVER)
    other, reading = DiskRecords(Layout(tmp_path), OPERATIONS), Reading(monkeypatch)
    assert 0 == reading.of(lambda: records.load(SERVER.id))
    assert 1 == reading.of(lambda: other.load(SERVER.id))
    assert 0 == reading.of(lambda: other.load(SERVER.id))
    records.save(SERVER.wanting(DesiredState.STOPPED))
    assert SERVER.wanting(DesiredState.STOPPED) == records.load(SERVER.id) == other.load(SERVER.id)
    records.save(SERVER.wanting(DesiredState.RUNNING))
    assert SERVER.wanting(DesiredState.RUNNING) == records.load(SERVER.id) == other.load(SERVER.id)
    other.remove(SERVER.id)
    assert (None, None) == (records.load(SERVER.id), other.load(SERVER.id))


def _no_link(names: Path) -> None:
    shutil.rmtree(names)


def _link_to(target: str) -> Callable[[Path], None]:
    def link(names: Path) -> None:
        (names / "s7").unlink()
        (names / "s7").symlink_to(target)

    return link


def _no_folder(names: Path) -> None:
    shutil.rmtree(names)
    names.write_text("not a folder")


LINKS: Mapping[str, Callable[[Path], None]] = {
    "none": _no_link,
    "to a server that is gone": _link_to("f" * 12),
    "to another server": _link_to(f"{8:012x}"),
    "to nothing like a server": _link_to("../../etc"),
    "no folder for any": _no_folder,
}


@pytest.mark.parametrize("spoil", LINKS.values(), ids=LINKS)
def test_servers_are_found_by_name_whatever_became_of_the_links(
    records: DiskRecords, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """A caller may die between a record and its link, and a backup may restore either. Records count."""
    servers = _many(records, 10)
    spoil(tmp_path / "names")
    assert servers[7] == records.find(ServerName("S7"))
    assert records.find(ServerName("absent")) is None
    records.save(servers[7])
    assert servers[7] == records.find(ServerName("s7"))
    records.remove(servers[7].id)
    assert records.find(ServerName("s7")) is None
    assert 9 == len(records.load_all())


def test_the_next_save_makes_a_missing_link(
    records: DiskRecords, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = _many(records, 3)
    shutil.rmtree(tmp_path / "names")
    for server in servers:
        records.save(server)
    fresh, reading = DiskRecords(Layout(tmp_path), OPERATIONS), Reading(monkeypatch)
    assert 1 == reading.of(lambda: fresh.find(servers[1].name))
    assert {"s0", "s1", "s2"} == set(os.listdir(tmp_path / "names"))
    records.remove(servers[1].id)
    assert {"s0", "s2"} == set(os.listdir(tmp_path / "names"))


def test_damage_behind_the_first_line_hides_no_other_name(records: DiskRecords, tmp_path: Path) -> None:
    """That line has its own checksum, so the server's claim is still known."""
    records.save(SERVER)
    _path(tmp_path).write_bytes(_edited(_path(tmp_path).read_bytes()))
    assert (SERVER.claim,) == records.claims()
    assert records.find(ServerName("tenant-b")) is None
    with pytest.raises(RecordUnreadable, match="checksum"):
        records.find(SERVER.name)
