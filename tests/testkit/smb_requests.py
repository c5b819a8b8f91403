"""SMB requests that smbprotocol has structures for but no verbs: queries, locks, streams, attributes."""

from __future__ import annotations

import struct
from collections import OrderedDict
from collections.abc import Iterator

from smbprotocol.create_contexts import SMB2CreateContextRequest
from smbprotocol.file_info import (
    FileAttributes,
    FileInformationClass,
    FileRenameInformation,
    InfoType,
)
from smbprotocol.header import Commands
from smbprotocol.ioctl import IOCTLFlags, SMB2IOCTLRequest
from smbprotocol.open import (
    CreateDisposition,
    CreateOptions,
    FilePipePrinterAccessMask,
    ImpersonationLevel,
    Open,
    SMB2QueryInfoRequest,
    SMB2SetInfoRequest,
)
from smbprotocol.structure import BytesField, IntField, Structure
from smbprotocol.tree import TreeConnect

#: MS-FSCC 2.5.1.
FILE_PERSISTENT_ACLS, FILE_NAMED_STREAMS = 0x00000008, 0x00040000
_FS_ATTRIBUTE, _FILE_STREAM, _FILE_BASIC, _FILE_ALLOCATION, _FILE_END_OF_FILE = 5, 22, 4, 19, 20
_BASIC = struct.Struct("<QQQQI4x")
#: MS-SMB2 2.2.26.1.
LOCK_EXCLUSIVE, LOCK_NOW, UNLOCK = 0x2, 0x10, 0x4
_MOST = 65536


class _LockRequest(Structure):  # type: ignore[misc]
    """MS-SMB2 2.2.26, with one lock."""

    COMMAND = Commands.SMB2_LOCK

    def __init__(self) -> None:
        sizes = {"structure_size": 2, "lock_count": 2, "lock_sequence": 4}
        fields = [(name, IntField(size=size)) for name, size in sizes.items()]
        locks = {"offset": 8, "length": 8, "flags": 4, "reserved": 4}
        fields += [("file_id", BytesField(size=16))]
        fields += [(name, IntField(size=size)) for name, size in locks.items()]
        self.fields = OrderedDict(fields)
        super().__init__()


def _sent(tree: TreeConnect, request: Structure) -> Structure:
    connection = tree.session.connection
    return connection.receive(connection.send(request, tree.session.session_id, tree.tree_connect_id))


def lock(file: Open, offset: int, length: int, flags: int = LOCK_EXCLUSIVE | LOCK_NOW) -> None:
    """Lock, or unlock, a range of bytes."""
    request = _LockRequest()
    values = {"structure_size": 48, "lock_count": 1, "offset": offset, "length": length, "flags": flags}
    for name, value in values.items():
        request[name] = value
    request["file_id"] = file.file_id
    _sent(file.tree_connect, request)


def query(file: Open, info_type: int, info_class: int) -> bytes:
    """What the server says of the file, or of its file system, in one class of MS-FSCC."""
    request = SMB2QueryInfoRequest()
    request["info_type"] = info_type
    request["file_info_class"] = info_class
    request["output_buffer_length"] = _MOST
    request["file_id"] = file.file_id
    answer = _sent(file.tree_connect, request)["data"].get_value()
    offset, length = struct.unpack_from("<HI", answer, 2)
    start = offset - 64  # from the end of SMB's header
    found: bytes = answer[start : start + length]
    return found


def volume_attributes(file: Open) -> int:
    """The attributes that the share's file system claims (FileFsAttributeInformation)."""
    (found,) = struct.unpack_from("<I", query(file, InfoType.SMB2_0_INFO_FILESYSTEM, _FS_ATTRIBUTE))
    assert isinstance(found, int)
    return found


def streams(file: Open) -> dict[str, int]:
    """The names and sizes of the file's streams (FileStreamInformation)."""
    return dict(_streams(query(file, InfoType.SMB2_0_INFO_FILE, _FILE_STREAM)))


def _streams(buffer: bytes) -> Iterator[tuple[str, int]]:
    while buffer:
        following, length, size = struct.unpack_from("<IIQ", buffer)
        yield buffer[24 : 24 + length].decode("utf-16-le"), size
        buffer = buffer[following:] if following else b""


def times_and_attributes(file: Open) -> tuple[int, int, int, int, int]:
    """Creation, last access, last write and change in 100 ns since 1601, and the attributes."""
    return _BASIC.unpack(query(file, InfoType.SMB2_0_INFO_FILE, _FILE_BASIC))


def set_times_and_attributes(file: Open, created: int, written: int, attributes: int) -> None:
    """Set them; 0 leaves a time as it is."""
    _set(file, _FILE_BASIC, _BASIC.pack(created, 0, written, 0, attributes))


def allocate(file: Open, size: int) -> None:
    """Ask for room for the file (FileAllocationInformation)."""
    _set(file, _FILE_ALLOCATION, struct.pack("<Q", size))


def set_length(file: Open, size: int) -> None:
    """Set the file's length (FileEndOfFileInformation)."""
    _set(file, _FILE_END_OF_FILE, struct.pack("<Q", size))


def _set(file: Open, info_class: int, content: bytes) -> None:
    request = SMB2SetInfoRequest()
    request["info_type"] = InfoType.SMB2_0_INFO_FILE
    request["file_info_class"] = info_class
    request["file_id"] = file.file_id
    request["buffer"] = content
    _sent(file.tree_connect, request)


def rename(file: Open, name: str) -> None:
    """Rename an open file, which was opened with the right to delete it; an existing one is not replaced."""
    renaming = FileRenameInformation()
    renaming["file_name"] = name
    request = SMB2SetInfoRequest()
    request["info_type"] = InfoType.SMB2_0_INFO_FILE
    request["file_info_class"] = FileInformationClass.FILE_RENAME_INFORMATION
    request["file_id"] = file.file_id
    request["buffer"] = renaming
    _sent(file.tree_connect, request)


def aapl(tree: TreeConnect) -> bytes:
    """The server's answer to Apple's create context: what it can do for Macs; empty without an answer."""
    context = SMB2CreateContextRequest()
    context["buffer_name"] = b"AAPL"
    context["buffer_data"] = struct.pack("<IIQQ", 1, 0, 7, 0xF)
    answers = Open(tree, "").create(
        ImpersonationLevel.Impersonation,
        FilePipePrinterAccessMask.FILE_READ_ATTRIBUTES,
        FileAttributes.FILE_ATTRIBUTE_DIRECTORY,
        0,
        CreateDisposition.FILE_OPEN,
        CreateOptions.FILE_DIRECTORY_FILE,
        create_contexts=[context],
    )
    return next((bytes(answer) for answer in answers or ()), b"")


def control(tree: TreeConnect, code: int) -> bytes:
    """The answer to a control request about the connection."""
    request = SMB2IOCTLRequest()
    request["ctl_code"] = code
    request["file_id"] = b"\xff" * 16
    request["flags"] = IOCTLFlags.SMB2_0_IOCTL_IS_FSCTL
    request["max_output_response"] = _MOST
    answer = _sent(tree, request)["data"].get_value()
    offset, length = struct.unpack_from("<II", answer, 32)
    found: bytes = answer[offset - 64 : offset - 64 + length]
    return found
