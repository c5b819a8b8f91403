"""Records of former schemas, as former releases wrote them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from shares_core.adapters.state.migrations import FILE_TRAITS, SCHEMA, upcast

_DATA = Path(__file__).parents[2] / "data"
#: The folders of records of each former schema.
RECORDS = {schema: _DATA / f"records-{schema}" for schema in range(1, SCHEMA)}


def _by_name(folder: Path) -> dict[str, dict[str, Any]]:
    whole = (json.loads(path.read_bytes())["server"] for path in sorted(folder.glob("*.json")))
    return {server["name"]: server for server in whole}


BY_NAME, BY_NAME_2, BY_NAME_3, BY_NAME_4 = map(_by_name, RECORDS.values())


def upcast_1(name: str, **traits: bool) -> dict[str, Any]:
    """A record of schema 1, as one of schema 2."""
    return upcast(BY_NAME[name], 1, traits or FILE_TRAITS, until=2)


def slot(name: str, share: str = "files") -> tuple[Any, Any]:
    """The share's operation, without the fields that all have, and its failure."""
    (found,) = (each for each in upcast_1(name)["shares"] if each["name"] == share)
    return _bare(found["operation"]), found["failure"]


def _bare(operation: dict[str, Any] | None) -> Any:
    if operation is None:
        return None
    return {key: value for key, value in operation.items() if key not in ("id", "since")}


def of_server(name: str) -> Any:
    return _bare(upcast_1(name)["operation"])


def share_id(name: str, share: str = "files") -> str:
    (found,) = (each["id"] for each in BY_NAME[name]["shares"] if each["name"] == share)
    assert isinstance(found, str)
    return found


RULES = [
    {"level": "rw", "principal": {"kind": "user", "name": "ada"}},
    {"level": "ro", "principal": {"kind": "user", "name": "bob"}},
]
DAMAGE = (
    "its file system is damaged ('shares-core share check --repair' repairs it): "
    "Inode 12 has an invalid extent node"
)


def _extend(name: str, share: str = "files") -> dict[str, Any]:
    return {
        "kind": "share.extend",
        "share_id": share_id(name, share),
        "before": 512 << 20,
        "after": 1 << 30,
        "volume_before": 516 << 20,
        "stage": "mounted",
        "cancelled": False,
    }


def _check(name: str, extension: Any = None) -> dict[str, Any]:
    return {
        "kind": "share.check",
        "share_id": share_id(name),
        "repair": False,
        "stage": "examining",
        "cancelled": False,
        "extension": extension,
    }


def _create(name: str, share: str = "files") -> dict[str, Any]:
    return {"kind": "share.create", "share_id": share_id(name, share), "cancelled": False}


def _delete(name: str, share: str = "files") -> dict[str, Any]:
    operation = _create(name, share) | {"kind": "share.delete"}
    return operation | {"stage": "removing"}  # some of its data may be gone


@pytest.mark.parametrize("name", BY_NAME)
def test_everything_of_schema_1_but_operations_stays(name: str) -> None:
    """Names, networks, accounts, rules, sizes and identities; the given document does not change."""
    former = BY_NAME[name]
    kept = copy.deepcopy(former)
    server = upcast_1(name)
    assert kept == former
    assert {key: former[key] for key in former.keys() - {"intent", "shares", "interfaces"}} == {
        key: server[key] for key in server.keys() - {"operation", "shares", "interfaces"}
    }
    for before, after in zip(former["shares"], server["shares"], strict=True):
        assert {"id", "name", "capacity", "folder", "rules", "volume", "operation", "failure"} == after.keys()
        for key in ("id", "name", "capacity", "folder", "rules"):
            assert before[key] == after[key]
        assert after["volume"] == {
            "ref": {"pool": "default", "id": before["volume_id"]},
            "filesystem": before["filesystem"],
            "owner": former["uid"],
            "traits": {"thin": False, "zeroed": True, "discards": False},
        }
    for was, is_now in zip(former["interfaces"], server["interfaces"], strict=True):
        assert {"kind": "bridge", "bridge": was["bridge"]} == is_now["attachment"]
        same = was.keys() - {"bridge", "segment"}
        assert {key: was[key] for key in same} == {key: is_now[key] for key in is_now if key != "attachment"}


def test_a_volumes_traits_are_those_that_its_pool_is_said_to_have() -> None:
    (share, *_) = upcast_1("running", thin=True, zeroed=True, discards=True)["shares"]
    assert share["volume"]["traits"] == {"thin": True, "zeroed": True, "discards": True}


@pytest.mark.parametrize("name", ["running", "Stopped", "empty", "networks", "same-addresses-elsewhere"])
def test_without_an_intent_there_is_no_operation(name: str) -> None:
    server = upcast_1(name)
    assert server["operation"] is None
    assert all(share["operation"] is None and share["failure"] is None for share in server["shares"])


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("create-server", {"kind": "server.create"}),
        ("delete-server", {"kind": "server.delete"}),
        (
            "widen-access",
            {
                "kind": "access.grant",
                "share_id": share_id("widen-access"),
                "rules": RULES,
                "accounts": ["ada"],
            },
        ),
        (
            "narrow-access",
            {"kind": "access.restrict", "share_id": share_id("narrow-access"), "users": ["ada"]},
        ),
        ("end-sessions", {"kind": "account.end_sessions", "user": "ada"}),
    ],
)
def test_an_intent_of_a_server_becomes_its_operation(name: str, operation: object) -> None:
    server = upcast_1(name)
    assert operation == of_server(name)
    assert all(share["operation"] is None and share["failure"] is None for share in server["shares"])


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("create-share", _create("create-share")),
        ("delete-share", _delete("delete-share")),
        ("extend-share", _extend("extend-share")),
        ("check-share", _check("check-share")),
    ],
)
def test_an_intent_of_a_share_is_in_its_slot(name: str, operation: object) -> None:
    assert (operation, None) == slot(name)
    assert of_server(name) is None
    others = [share for share in upcast_1(name)["shares"] if share["name"] != "files"]
    assert all(share["operation"] is None and share["failure"] is None for share in others)


def test_a_failure_gets_its_kind() -> None:
    lost = {"kind": "unavailable", "reason": "volume 0123456789ab is missing from the pool"}
    assert (None, lost) == slot("failed")
    assert (None, {"kind": "damaged", "reason": DAMAGE}) == slot("failed", "damaged")
    assert (None, None) == slot("failed", "served")


def test_an_abandoned_intent_is_a_failed_operation() -> None:
    """An extension that was set aside, and a share that could neither be completed nor removed."""
    unavailable = {"kind": "unavailable", "reason": "/dev/loop7 cannot be unmounted"}
    assert (_extend("unfinished"), unavailable) == slot("unfinished")
    assert (_extend("unfinished", "damaged"), {"kind": "damaged", "reason": DAMAGE}) == slot(
        "unfinished", "damaged"
    )
    for operation, device in (
        (_create("unfinished", "creating"), 8),
        (_delete("unfinished", "deleting"), 9),
    ):
        failure = {"kind": "unavailable", "reason": f"/dev/loop{device} is still in use"}
        assert (operation, failure) == slot(
            "unfinished", operation["kind"].removeprefix("share.")[:-1] + "ing"
        )


def test_the_status_extending_was_never_more_than_a_withdrawn_share() -> None:
    assert (None, None) == slot("unfinished", "extending")


def test_an_abandoned_intent_stays_beside_another_operation() -> None:
    assert _extend("unfinished-and-more") == slot("unfinished-and-more")[0]
    assert of_server("unfinished-and-more")["kind"] == "access.restrict"
    assert (None, None) == slot("unfinished-and-more", "other")


def test_a_damaged_share_under_check_is_still_damaged() -> None:
    """Its extension waits for the end of the check."""
    damaged = {"kind": "damaged", "reason": DAMAGE}
    assert (_check("check-damaged"), damaged) == slot("check-damaged")
    check, failure = slot("check-unfinished")
    assert _extend("check-unfinished") == _bare(check["extension"])
    assert (_check("check-unfinished", check["extension"]), damaged) == (check, failure)


def test_an_intent_of_a_deleted_share_is_dropped() -> None:
    assert of_server("share-is-gone") is None
    assert upcast_1("share-is-gone")["shares"] == []


def test_an_operation_has_one_id_however_often_its_record_is_read() -> None:
    """And no two have the same."""
    operations = [
        slot["operation"]
        for name in BY_NAME
        for server in (upcast_1(name),)
        for slot in (server, *server["shares"])
        if slot["operation"] is not None
    ]
    again = [
        slot["operation"]
        for name in BY_NAME
        for server in (upcast_1(name),)
        for slot in (server, *server["shares"])
        if slot["operation"] is not None
    ]
    assert operations == again
    ids = [operation["id"] for operation in operations]
    assert len(set(ids)) == len(ids)
    assert all(len(found) == 12 and int(found, 16) >= 0 for found in ids)
    assert {operation["since"] for operation in operations} == {0}


def test_every_intent_and_status_of_schema_1_is_among_the_records() -> None:
    """Those in the code of that release."""
    intents = {server["intent"]["kind"] for server in BY_NAME.values() if server["intent"]}
    statuses = {share["status"] for server in BY_NAME.values() for share in server["shares"]}
    assert intents == set(
        "CreateServer DeleteServer CreateShare DeleteShare WidenAccess NarrowAccess ExtendShare EndSessions "
        "CheckShare".split()
    )
    assert statuses == {"creating", "ready", "extending", "deleting", "failed"}


# -- 2 to 3


@pytest.mark.parametrize("name", BY_NAME_2)
def test_a_server_of_schema_2_demands_what_it_did(name: str) -> None:
    """Encryption and SMB 3; everything else stays, and the given document does not change."""
    former = BY_NAME_2[name]
    kept = copy.deepcopy(former)
    server = upcast(former, 2, until=3)
    assert kept == former
    assert {"encryption": "required", "min_protocol": "SMB3_00"} == server["protection"]
    assert {key: former[key] for key in former if key != "shares"} == {
        key: server[key] for key in server if key not in ("shares", "protection")
    }


@pytest.mark.parametrize("name", BY_NAME_2)
def test_volumes_of_schema_2_lack_what_their_release_did_not_make(name: str) -> None:
    """No file has an execute bit, and an ext4 has small attributes; nothing else of a share changes."""
    former = BY_NAME_2[name]
    for before, after in zip(former["shares"], upcast(former, 2, until=3)["shares"], strict=True):
        large = before["volume"]["filesystem"]["kind"] == "xfs"
        volume = before["volume"] | {"large_attributes": large, "executable": False}
        assert before | {"volume": volume, "time_machine": None, "operation": after["operation"]} == after


def test_an_extension_of_schema_2_may_disconnect_clients() -> None:
    """Also one that waits for the end of a check; other operations stay as they are."""
    seen = set()
    for former in BY_NAME_2.values():
        for before, after in zip(former["shares"], upcast(former, 2, until=3)["shares"], strict=True):
            was, is_now = before["operation"], after["operation"]
            kind = was["kind"] if was else ""
            if kind == "share.check" and was["extension"]:
                was = was | {"extension": was["extension"] | {"online_only": False}}
                kind = "an extension that waits"
            elif kind == "share.extend":
                was = was | {"online_only": False}
            seen.add(kind)
            assert was == is_now
    assert {"", "share.extend", "an extension that waits", "share.create"} <= seen


def test_every_operation_of_schema_2_is_among_the_records() -> None:
    """On servers and on shares, and both kinds of failure."""
    slots = [slot for server in BY_NAME_2.values() for slot in (server, *server["shares"])]
    operations = {slot["operation"]["kind"] for slot in slots if slot["operation"]}
    failures = {slot["failure"]["kind"] for slot in slots if slot.get("failure")}
    assert {"unavailable", "damaged"} == failures
    assert operations == set(
        "server.create server.delete share.create share.extend share.check share.delete "
        "access.grant access.restrict account.end_sessions".split()
    )


# -- 3 to 4


@pytest.mark.parametrize("name", BY_NAME_3)
def test_the_shares_of_schema_3_keep_their_backups_as_an_option(name: str) -> None:
    """The other options are off, and it has no snapshots; nothing else of a share changes."""
    for before, after in zip(BY_NAME_3[name]["shares"], upcast(BY_NAME_3[name], 3)["shares"], strict=True):
        options = {"time_machine": before["time_machine"], "recycle_bin": None, "audit": False}
        operation = before["operation"]
        if operation is not None and operation["kind"] == "share.create":
            operation = operation | {"source": None}
        if operation is not None and operation["kind"] == "share.delete":
            operation = operation | {"others": []}
        expected = {**before, "options": options, "snapshots": [], "schedule": None, "origin": ""}
        expected["bin_cleared"] = 0
        expected |= {"operation": operation, "volume": after["volume"]}
        assert expected == {**after, "time_machine": before["time_machine"]}


@pytest.mark.parametrize("name", BY_NAME_3)
def test_the_file_systems_of_schema_3_do_not_fold_case(name: str) -> None:
    """Nothing else of a volume changes."""
    for before, after in zip(BY_NAME_3[name]["shares"], upcast(BY_NAME_3[name], 3)["shares"], strict=True):
        filesystem = before["volume"]["filesystem"] | {"case_fold": False}
        assert before["volume"] | {"filesystem": filesystem} == after["volume"]


@pytest.mark.parametrize("name", BY_NAME_3)
def test_a_server_of_schema_3_gives_new_accounts_uids_that_none_has(name: str) -> None:
    """Everything stays as it is, but its shares, and what rules are about."""
    former = BY_NAME_3[name]
    server = upcast(former, 3)
    uids = {account["uid"] for account in former["accounts"]}
    assert server["next_uid"] > max(uids, default=9_999)
    operation = former["operation"]
    if operation is not None and operation["kind"].startswith("access."):
        operation = dict(operation)
        operation["export_id"] = operation.pop("share_id")
    new = {"shares": server["shares"], "next_uid": server["next_uid"], "operation": operation}
    assert {**former, **new} == server


def test_what_schema_3_added_is_among_its_records() -> None:
    """Backups with and without a limit, a relaxed server, and the operation that relaxed it."""
    offered = [share["time_machine"] for server in BY_NAME_3.values() for share in server["shares"]]
    assert all(value in offered for value in (None, {"limit": None}, {"limit": 1 << 30}))
    assert {"SMB2_10", "SMB3_00"} == {server["protection"]["min_protocol"] for server in BY_NAME_3.values()}
    assert "server.set" in {(server["operation"] or {}).get("kind") for server in BY_NAME_3.values()}


def test_what_was_under_way_in_schema_4_goes_on() -> None:
    """A snapshot shares blocks, a revert knows its volume and its size; all the rest stays."""
    for name, server in BY_NAME_4.items():
        for before, after in zip(server["shares"], upcast(server, 4, until=5)["shares"], strict=True):
            operation = before["operation"]
            if name == "create-snapshot":
                operation = operation | {"way": "sharing"}
            if name == "revert":
                snapshot = operation.pop("snapshot")
                source = {"pool": "default", "id": snapshot["id"]}
                operation = operation | {"source_ref": source, "capacity": snapshot["capacity"]}
            assert before | {"operation": operation} == after
