"""Drift: one way in which the host differs from a server's record."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen


class DriftKind(StrEnum):
    """The kind of a drift. The values are wire names: programs may rely on them."""

    OPERATION_INTERRUPTED = "operation_interrupted"
    CONTAINER_DOWN = "container_down"
    CONTAINER_OUTDATED = "container_outdated"
    CONTAINER_LEFT = "container_left"
    FOLDERS_MISSING = "folders_missing"
    CONFIGURATION_DIFFERS = "configuration_differs"
    INTERFACE_MISSING = "interface_missing"
    INTERFACE_LEFT = "interface_left"
    SHARE_TROUBLED = "share_troubled"
    SHARE_FAILED = "share_failed"
    SHARE_DAMAGED = "share_damaged"
    FILES_NOT_EXECUTABLE = "files_not_executable"
    SHARE_LEFT = "share_left"
    SNAPSHOTS_MISSING = "snapshots_missing"
    UNOBSERVABLE = "unobservable"


class Repair(StrEnum):
    """What ends a drift, in the order in which repairs are tried."""

    #: Bring the whole server up, or down, as its record wants it.
    SERVER = "server"
    #: Recover the interrupted operation on the share.
    OPERATION = "operation"
    #: Change the share's files while it is served.
    FILES = "files"
    #: Reconcile must not repair it.
    PERSON = "person"


_WORDS: Mapping[DriftKind, str] = {
    DriftKind.OPERATION_INTERRUPTED: "an operation ({detail}) on {subject} was interrupted",
    DriftKind.CONTAINER_DOWN: "the container is {detail}",
    DriftKind.CONTAINER_OUTDATED: "the container does not have the current image or limits",
    DriftKind.CONTAINER_LEFT: "the container is {detail}, though the server should be stopped",
    DriftKind.FOLDERS_MISSING: "its folders are missing",
    DriftKind.CONFIGURATION_DIFFERS: "Samba's configuration differs",
    DriftKind.INTERFACE_MISSING: (
        "interface {subject} is not attached to {detail}, or not filtered and let through"
    ),
    DriftKind.INTERFACE_LEFT: "interface {subject} is there, though the server should be stopped",
    DriftKind.SHARE_TROUBLED: "share {subject} {detail}",
    DriftKind.SHARE_FAILED: "share {subject} has failed: {detail}",
    DriftKind.SHARE_DAMAGED: "share {subject} has failed: {detail}",
    DriftKind.FILES_NOT_EXECUTABLE: "files of share {subject}, from a former release, lack the execute bit",
    DriftKind.SHARE_LEFT: "share {subject} is attached, though the server should be stopped",
    DriftKind.SNAPSHOTS_MISSING: "snapshots of share {subject} are not mounted",
    DriftKind.UNOBSERVABLE: "{detail}",
}


@frozen
class Drift:
    """One drift. ``subject`` is what it is about, like a share's name; ``detail`` says more."""

    kind: DriftKind
    subject: str = ""
    detail: str = ""

    @property
    def repair(self) -> Repair:
        if self.kind is DriftKind.SHARE_DAMAGED:
            return Repair.PERSON
        if self.kind is DriftKind.OPERATION_INTERRUPTED:
            return Repair.OPERATION
        if self.kind is DriftKind.FILES_NOT_EXECUTABLE:
            return Repair.FILES
        return Repair.SERVER

    def __str__(self) -> str:
        return _WORDS[self.kind].format(subject=self.subject, detail=self.detail)
