"""ext4's case folding: whether this kernel has it, and turning it on for a file system and a folder."""

from __future__ import annotations

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from shares_core.adapters.linux.files import open_folder
from shares_core.adapters.linux.mountcalls import MountCalls
from shares_core.adapters.linux.oserrors import os_errors
from shares_core.domain.errors import BackendFailure, HostNotReady

#: Each file in it is named after what this kernel's ext4 can do; missing until ext4 is loaded.
_FEATURES = Path("/sys/fs/ext4/features")
#: From the kernel's include/uapi/linux/fs.h, for machines with 64 bits.
_GET_FLAGS, _SET_FLAGS, _CASEFOLD = 0x80086601, 0x40086602, 0x40000000
#: From its fs/ext4/ext4.h: where the superblock is, and in it s_magic, s_feature_ro_compat with
#: METADATA_CSUM, s_encoding_flags, and s_checksum of all before it.
_SUPERBLOCK_AT, _SUPERBLOCK_BYTES = 1024, 1024
_MAGIC_AT, _MAGIC = 0x38, 0xEF53
_RO_COMPAT_AT, _METADATA_CSUM = 0x64, 0x400
_ENCODING_FLAGS_AT, _CHECKSUM_AT = 0x27E, 0x3FC
#: SB_ENC_NO_COMPAT_FALLBACK_FL, in its include/linux/fs.h.
_NO_FALLBACK = 2
_CRC32C = 0x82F63B78


def knows_case_fold(features: Path | None = None) -> bool | None:
    """Whether this kernel's ext4 folds case; None if it does not tell, because ext4 is not loaded."""
    folder = features or _FEATURES
    return (folder / "casefold").exists() if folder.is_dir() else None


def require_case_fold(calls: MountCalls) -> None:
    """Raise HostNotReady if this kernel cannot mount an ext4 that folds case. Cheap."""
    if knows_case_fold() is None:
        with suppress(OSError):
            calls.load("ext4")
    if not knows_case_fold():
        raise HostNotReady(
            "this kernel's ext4 does not fold case", hint="boot a kernel with CONFIG_UNICODE, as Debian's has"
        )


def fold_case(folder: str, parent: int) -> None:
    """Make the empty folder, and all that is ever made in it, find names in any case. Idempotent.

    Raises OSError.
    """
    with open_folder(folder, parent) as opened:
        (flags,) = struct.unpack("=i", fcntl.ioctl(opened, _GET_FLAGS, bytes(4)))
        if not flags & _CASEFOLD:
            fcntl.ioctl(opened, _SET_FLAGS, struct.pack("=i", flags | _CASEFOLD))


def search_by_hash_alone(device: str) -> None:
    """Let the kernel believe the folders' indexes of a new file system when they lack a name. Idempotent.

    Otherwise a kernel since 6.12 then reads the whole folder, for names that the first 6.12 placed elsewhere,
    and a large folder is as slow as ever. e2fsprogs 1.47 has no word for it. Raises BackendFailure if the
    device holds no ext4.
    """
    with os_errors(f"writing the superblock of {device}"), open(device, "r+b", buffering=0) as file:
        written = with_flag(os.pread(file.fileno(), _SUPERBLOCK_BYTES, _SUPERBLOCK_AT))
        if not written:
            raise BackendFailure(f"{device} holds no ext4 that is whole")
        os.pwrite(file.fileno(), written, _SUPERBLOCK_AT)
        os.fsync(file.fileno())


def with_flag(superblock: bytes) -> bytes:
    """The superblock with the flag for that; empty if it is not a whole one."""
    if len(superblock) != _SUPERBLOCK_BYTES or _word(superblock, "<H", _MAGIC_AT) != _MAGIC:
        return b""
    changed = bytearray(superblock)
    flags = _word(superblock, "<H", _ENCODING_FLAGS_AT) | _NO_FALLBACK
    struct.pack_into("<H", changed, _ENCODING_FLAGS_AT, flags)
    if _word(superblock, "<I", _RO_COMPAT_AT) & _METADATA_CSUM:
        if _word(superblock, "<I", _CHECKSUM_AT) != crc32c(superblock[:_CHECKSUM_AT]):
            return b""
        struct.pack_into("<I", changed, _CHECKSUM_AT, crc32c(changed[:_CHECKSUM_AT]))
    return bytes(changed)


def _word(superblock: bytes, form: str, offset: int) -> int:
    (value,) = struct.unpack_from(form, superblock, offset)
    return int(value)


def crc32c(data: bytes | bytearray) -> int:
    """The checksum as ext4 keeps it: not inverted at the end."""
    checksum = 0xFFFFFFFF
    for byte in data:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (_CRC32C if checksum & 1 else 0)
    return checksum
