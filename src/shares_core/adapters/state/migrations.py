"""Migrating records of former schemas: a pure function on the document for each step.

A step uses none of today's classes, so that a later change of the domain cannot change what it reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

Document = dict[str, Any]
#: What the pool says of the volumes of schema 1, whose records do not: ``thin``, ``zeroed``, ``discards``.
Traits = Mapping[str, bool]

SCHEMA = 5

#: The traits from a pool of files, which every pool was unless the settings said otherwise.
FILE_TRAITS: Traits = {"thin": False, "zeroed": True, "discards": False}


def upcast(server: Document, schema: int, traits: Traits = FILE_TRAITS, *, until: int = SCHEMA) -> Document:
    """The body of a record of ``schema``, converted to ``until``; ``traits`` are its volumes'.

    Does not change its argument. Raises KeyError, TypeError and the like for what is not of that schema.
    """
    for step in range(schema, until):
        server = _STEPS[step](server, traits)
    return server


# -- 1 to 2: an operation has a name of its own, each share has a slot for one, a volume knows its pool, its
#    owner and its traits, and an interface its kind of attachment

#: Schema 1's intents by class name, each with its present kind and its arguments.
_OPERATIONS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "CreateServer": ("server.create", ()),
    "DeleteServer": ("server.delete", ()),
    "WidenAccess": ("access.grant", ("share_id", "rules", "accounts")),
    "NarrowAccess": ("access.restrict", ("share_id", "users")),
    "EndSessions": ("account.end_sessions", ("user",)),
    "CreateShare": ("share.create", ("share_id",)),
    "DeleteShare": ("share.delete", ("share_id",)),
    "ExtendShare": ("share.extend", ("share_id", "before", "after", "volume_before")),
    "CheckShare": ("share.check", ("share_id",)),
}
#: What schema 1 did not record of an operation: it may have been at its last stage.
_STAGES: Mapping[str, Document] = {
    "share.create": {"cancelled": False},
    "share.delete": {"cancelled": False, "stage": "removing"},
    "share.extend": {"cancelled": False, "stage": "mounted"},
    "share.check": {"cancelled": False, "stage": "examining", "repair": False, "extension": None},
}
#: A status that lasted without an intent: the operation was left for the next start to finish.
_GIVEN_UP: Mapping[str, str] = {"creating": "CreateShare", "deleting": "DeleteShare"}


def _from_1(server: Document, traits: Traits) -> Document:
    intent = server["intent"]
    operation = _operation(server, intent["kind"], intent) if intent is not None else None
    of_share = operation if operation is not None and operation["kind"].startswith("share.") else None
    return {
        **{key: value for key, value in server.items() if key != "intent"},
        "operation": operation if of_share is None else None,
        "interfaces": [_interface(interface) for interface in server["interfaces"]],
        # An intent for a share that does not exist had nothing left to do.
        "shares": [_share(server, share, of_share, traits) for share in server["shares"]],
    }


def _interface(interface: Document) -> Document:
    kept = {key: value for key, value in interface.items() if key not in ("bridge", "segment")}
    return {**kept, "attachment": {"kind": "bridge", "bridge": interface["bridge"]}}


def _share(server: Document, share: Document, under_way: Document | None, traits: Traits) -> Document:
    operation, failure = _slot(server, share, under_way)
    kept = {key: share[key] for key in ("id", "name", "capacity", "folder", "rules")}
    volume = {
        "ref": {"pool": "default", "id": share["volume_id"]},
        "filesystem": share["filesystem"],
        "owner": server["uid"],  # who owns every file on it
        "traits": dict(traits),
    }
    return {**kept, "volume": volume, "operation": operation, "failure": failure}


def _slot(
    server: Document, share: Document, under_way: Document | None
) -> tuple[Document | None, Document | None]:
    """The share's operation and failure."""
    operation = under_way if under_way is not None and under_way["share_id"] == share["id"] else None
    failed = share["status"] == "failed" or share["damaged"]
    reason = share["reason"] or "it is not known why"
    failure = {"kind": "damaged" if share["damaged"] else "unavailable", "reason": reason}
    if share["unfinished"] is not None:  # an extension that was set aside: it failed, or waits for a check
        extension = _operation(server, "ExtendShare", share["unfinished"])
        return extension if operation is None else {**operation, "extension": extension}, failure
    if operation is None and share["status"] in _GIVEN_UP:
        return _operation(server, _GIVEN_UP[share["status"]], {"share_id": share["id"]}), failure
    return operation, failure if failed else None


def _operation(server: Document, intent: str, arguments: Document) -> Document:
    kind, names = _OPERATIONS[intent]
    # Derived, so that two reads before the record is written again find the same operation.
    identity = f"{server['id']} {kind} {arguments.get('share_id', '')}"
    return {
        "kind": kind,
        "id": hashlib.sha256(identity.encode()).hexdigest()[:12],
        "since": 0,
        **{name: arguments[name] for name in names},
        **_STAGES.get(kind, {}),
    }


# -- 2 to 3: what a server demands of clients, Macs' backups, and what volumes of former releases lack

_PROTECTION: Document = {"encryption": "required", "min_protocol": "SMB3_00"}


def _from_2(server: Document, _: Traits) -> Document:
    shares = [_share_of_2(share) for share in server["shares"]]
    return server | {"shares": shares, "protection": dict(_PROTECTION)}


def _share_of_2(share: Document) -> Document:
    operation = _extension(share["operation"])
    if operation is not None and operation["kind"] == "share.check":
        operation = operation | {"extension": _extension(operation["extension"])}
    return share | {"volume": _volume(share["volume"]), "time_machine": None, "operation": operation}


def _extension(operation: Document | None) -> Document | None:
    """An extension disconnected clients if it had to."""
    if operation is None or operation["kind"] != "share.extend":
        return operation
    return operation | {"online_only": False}


def _volume(volume: Document) -> Document:
    is_large = volume["filesystem"]["kind"] == "xfs"
    return volume | {"large_attributes": is_large, "executable": False}


# -- 3 to 4: the options of a share stand together, a file system may fold case, the uid of a removed account
#    is not used again, and a rule may also be about a snapshot

_FIRST_ACCOUNT_UID = 10_000


def _from_3(server: Document, _: Traits) -> Document:
    uids = [account["uid"] for account in server["accounts"]]
    shares = [_share_of_3(share) for share in server["shares"]]
    next_uid = max(uids, default=_FIRST_ACCOUNT_UID - 1) + 1
    return server | {"shares": shares, "next_uid": next_uid, "operation": _on_export(server["operation"])}


def _on_export(operation: Document | None) -> Document | None:
    """A share's id is also that of what it exports."""
    if operation is None or operation["kind"] not in ("access.grant", "access.restrict"):
        return operation
    kept = {key: value for key, value in operation.items() if key != "share_id"}
    return kept | {"export_id": operation["share_id"]}


def _share_of_3(share: Document) -> Document:
    kept = {key: value for key, value in share.items() if key != "time_machine"}
    operation = share["operation"]
    if operation is not None and operation["kind"] == "share.create":
        kept["operation"] = operation | {"source": None}
    if operation is not None and operation["kind"] == "share.delete":
        kept["operation"] = operation | {"others": []}
    options = {"time_machine": share["time_machine"], "recycle_bin": None, "audit": False}
    filesystem = share["volume"]["filesystem"] | {"case_fold": False}
    kept["volume"] = share["volume"] | {"filesystem": filesystem}
    return kept | {"options": options, "snapshots": [], "schedule": None, "origin": "", "bin_cleared": 0}


# -- 4 to 5: a snapshot may be copied, and what replaces a share's volume says how large the share is then


def _from_4(server: Document, _: Traits) -> Document:
    return server | {"shares": [_share_of_4(share) for share in server["shares"]]}


def _share_of_4(share: Document) -> Document:
    return share | {"operation": _operation_of_4(share)}


def _operation_of_4(share: Document) -> Document | None:
    operation: Document | None = share["operation"]
    if operation is not None and operation["kind"] == "snapshot.create":
        return operation | {"way": "sharing"}
    if operation is not None and operation["kind"] == "share.revert":
        snapshot = operation["snapshot"]
        source = {"pool": share["volume"]["ref"]["pool"], "id": snapshot["id"]}
        kept = {key: value for key, value in operation.items() if key != "snapshot"}
        return kept | {"source_ref": source, "capacity": snapshot["capacity"]}
    return operation


_STEPS: Mapping[int, Callable[[Document, Traits], Document]] = {
    1: _from_1,
    2: _from_2,
    3: _from_3,
    4: _from_4,
}
