"""QEMU: how it is called, and one boot of the guest from its start to its end.

It runs in the root that it was installed into, which also holds the guest's system and what one run needs.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path

from tools.guest.plan import CUT
from tools.guest.recipe import GUEST, PORT, SHARED_TAG
from tools.guest.steps import ALONE, run

#: The folder of a run, and in it the one that the guest shares, what its kernel says, and its images.
WORK, SHARED, CONSOLE, IMAGES = "/work", "/work/shared", "/work/console.log", "/work/images.tar"
VOLUMES_BYTES = 24 << 30
_OVERLAY, _VOLUMES = f"{WORK}/overlay.qcow2", f"{WORK}/volumes.img"
_CUT = CUT.encode()
# The quickest of those that QEMU emulates, less what it would warn that it does not emulate.
_CPU = "Haswell-v4,-pcid,-tsc-deadline,-invpcid,-spec-ctrl"


def within(emulator: Path, path: str) -> Path:
    """Where a path of the emulator's is on this machine."""
    return emulator / path.removeprefix("/")


def make_disks(emulator: Path) -> None:
    """Make the disks of one run: what it writes over the system's, and an empty one for volumes."""
    base = ("-F", "raw", "-b", f"{GUEST}/disk.img")
    run("chroot", str(emulator), "qemu-img", "create", "-q", "-f", "qcow2", *base, _OVERLAY)
    with within(emulator, _VOLUMES).open("wb") as file:
        file.truncate(VOLUMES_BYTES)


def qemu_command(emulator: Path) -> tuple[str, ...]:
    """The command for one boot: with -no-reboot it ends with it, whether in order or by a panic.

    The disks keep what it wrote, so that the next command is the same machine after its restart.
    """
    return (
        # The 9p server changes modes by way of /proc.
        *("unshare", "--mount", "--pid", "--kill-child", f"--mount-proc={emulator}/proc"),
        *("chroot", str(emulator), "qemu-system-x86_64"),
        # Emulated on purpose: if /dev/kvm exists but does not work, a guest hangs in it.
        *("-accel", "tcg,thread=multi", "-cpu", _CPU, "-smp", "2", "-m", "4096"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"),
        *("-kernel", f"{GUEST}/vmlinuz", "-initrd", f"{GUEST}/initrd.img"),
        *("-append", "root=/dev/vda rw console=ttyS0 panic=-1 quiet mitigations=off"),
        *("-drive", f"file={_OVERLAY},if=virtio,format=qcow2,cache=unsafe"),
        *("-drive", f"file={_VOLUMES},if=virtio,format=raw,cache=unsafe,discard=unmap"),
        # A disk is some twenty times as quick as the shared folder, and a tar archive is content with one.
        *("-drive", f"file={IMAGES},if=virtio,format=raw,readonly=on"),
        *("-virtfs", f"local,path={SHARED},mount_tag={SHARED_TAG},security_model=none"),
        *("-chardev", f"file,id=console,path={CONSOLE},append=on", "-serial", "chardev:console"),
        *("-chardev", f"stdio,id={PORT},signal=off", "-device", "virtio-serial"),
        *("-device", f"virtserialport,chardev={PORT},name={PORT}"),
    )


def boot(command: tuple[str, ...], deadline: float) -> bool:
    """Run QEMU until it ends by itself, passing on what the guest says. Returns whether it did in time.

    If the guest asks for its power to be cut, QEMU is killed, which counts as its end.
    """
    process = subprocess.Popen(
        (*ALONE, *command),
        stdin=subprocess.PIPE,  # never written to: without it the guest's port would be closed
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a Ctrl-C is for this process, which ends it
    )
    outputs, last = [process.stdout] if process.stdout else [], b""
    try:
        while (left := deadline - time.monotonic()) > 0:
            for output in select.select(outputs, [], [], left)[0]:
                if not (said := os.read(output.fileno(), 1 << 16)):
                    return True
                sys.stdout.buffer.write(said)
                sys.stdout.buffer.flush()
                last = (last + said)[-(1 << 16) - len(_CUT) :]
                if _CUT in last:
                    return True
        return False
    finally:
        process.kill()
        process.communicate()  # until all that held its output are gone
