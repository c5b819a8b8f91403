"""Makes the emulator and the guest's system, once for each recipe."""

import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tools.guest.recipe import GUEST, HOST, VENV, Recipe, download_arguments, requirements_of
from tools.guest.steps import remove, run, step

# The system's own: what this machine tells pip of mirrors and folders means nothing in there.
_INSIDE = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_WHEELS = "wheels"


def recipe_of(pyproject: Path) -> Recipe:
    """The recipe for a project; the steps below are a part of it."""
    return Recipe(
        requirements=requirements_of(tomllib.loads(pyproject.read_text())),
        steps=Path(__file__).read_text(),
    )


def provide_emulator(cache: Path, recipe: Recipe) -> Path:
    """The root of a system with QEMU, the guest's in its folder ``guest``: the one there is, or a new one.

    Half-done leaves nothing under the recipe's name.

    :raises GuestError: a step failed.
    """
    emulator = cache / recipe.version
    if not emulator.is_dir():
        aside = Path(tempfile.mkdtemp(prefix="build-", dir=cache))
        try:
            finished = aside / "emulator"
            with step(f"making a QEMU of Debian's packages ({recipe.suite})"):
                _debian(recipe.suite, recipe.emulator, finished)
            _make_guest(recipe, aside / "root", finished / GUEST.removeprefix("/"))
            finished.rename(emulator)
        finally:
            remove(aside)
    return emulator


def _make_guest(recipe: Recipe, root: Path, finished: Path) -> None:
    """Make the disk, and beside it what boots it."""
    with step(f"making the guest's system of Debian's packages ({recipe.suite})"):
        _debian(recipe.suite, recipe.packages, root)
    with step("installing what the project needs"):
        _install(recipe, root)
    with step("setting up how it boots"):
        _place(recipe, root)
        _within(root, "update-initramfs", "-u", "-k", "all")
    with step("writing its disk"):
        finished.mkdir()
        disk = finished / "disk.img"
        with disk.open("wb") as file:
            file.truncate(recipe.disk_bytes)
        run("mke2fs", "-q", "-t", "ext4", "-d", str(root), str(disk))
        for name in ("vmlinuz", "initrd.img"):
            shutil.copyfile(root / name, finished / name)


def _debian(suite: str, packages: Sequence[str], root: Path) -> None:
    run("mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", suite, str(root))


def _install(recipe: Recipe, root: Path) -> None:
    """Fetch the wheels with this machine's pip, which reaches a registry, and install them in there."""
    python = os.readlink(root / "usr/bin/python3").removeprefix("python")
    arguments = download_arguments(recipe.requirements, python, str(root / _WHEELS))
    run(sys.executable, "-m", "pip", *arguments)
    _within(root, "python3", "-m", "venv", VENV)
    _within(
        root,
        *(f"{VENV}/bin/pip", "install", "--quiet", "--no-index", "--find-links", f"/{_WHEELS}"),
        *recipe.requirements,
    )
    remove(root / _WHEELS)


def _place(recipe: Recipe, root: Path) -> None:
    (root / HOST.removeprefix("/")).mkdir()
    for name, text in recipe.files.items():
        path = root / name
        path.unlink(missing_ok=True)  # a link would lead out of the root
        path.write_text(text)
    for name, target in recipe.links.items():
        path = root / name
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    # Each is compiled at the first boot, and of Debian's hundred most are for programs that are not there.
    for profile in (root / "etc/apparmor.d").iterdir():
        programs = (root / "usr" / folder / profile.name for folder in ("bin", "sbin"))
        if profile.is_file() and not any(program.exists() for program in programs):
            profile.unlink()


def _within(root: Path, *command: str) -> None:
    run("chroot", str(root), *command, env=_INSIDE)
