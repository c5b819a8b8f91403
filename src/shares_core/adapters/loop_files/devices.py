"""Files as block devices, by losetup(8) and what the kernel tells in /sys/block."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from shares_core.adapters.commands import run
from shares_core.adapters.waiting import wait_until
from shares_core.domain.errors import BackendFailure, CommandFailed

_SYS_BLOCK = Path("/sys/block")
_DETACH_SECONDS = 10.0


def device_of(image: Path) -> str | None:
    """The loop device that ``image`` is attached to, read from the kernel: where nothing is, nothing runs."""
    for backing in _SYS_BLOCK.glob("loop*/loop/backing_file"):
        with suppress(OSError):  # detached since it was listed, or its file is gone
            file = Path(backing.read_text(encoding="utf-8", errors="surrogateescape").removesuffix("\n"))
            if file.name == image.name and file.samefile(image):
                return f"/dev/{backing.parent.parent.name}"
    return None


def attach(image: Path) -> str:
    """The device that ``image`` is attached to, from now on if not before."""
    device = device_of(image)
    if device is not None:
        return device
    attaching = ("losetup", "--find", "--show")
    try:
        return run((*attaching, "--direct-io=on", str(image))).strip()
    except CommandFailed as error:
        if "direct io" not in error.output.lower():
            raise
        # A backing file system without direct I/O: data is cached twice, and as safe.
        return device_of(image) or run((*attaching, str(image))).strip()


def detach(image: Path) -> None:
    """Let go of the device of ``image``. Idempotent. Raises BackendFailure while something holds it."""
    device = device_of(image)
    if device is None:
        return
    run(("losetup", "--detach", device))
    # losetup answers 0 while something still holds the device, and then only marks it to be cleared.
    if not wait_until(lambda: device_of(image) is None, _DETACH_SECONDS):
        raise BackendFailure(
            f"{device} of {image} is still in use", hint=f"'findmnt {device}' shows where it is mounted"
        )


def refresh(image: Path) -> None:
    """Let an attached device have the length that its file has now."""
    device = device_of(image)
    if device is not None:
        run(("losetup", "--set-capacity", device))
