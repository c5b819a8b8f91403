"""What goes into the guest: the working tree, and the images that the tests need."""

import fnmatch
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import docker
from tests.integration.oracles.box import provide_image
from tools.guest.steps import GuestError, run

_IMAGE = "shares-core-samba"


def pack_tree(root: Path, target: Path) -> None:
    """Write an archive of a working tree's files as they are now, committed or not, all of them root's."""
    with tarfile.open(target, "w") as archive:
        for name in tree_files(root):
            if os.path.lexists(root / name):  # not one that was deleted, and git still has
                archive.add(root / name, name, recursive=False, filter=_of_root)


def _of_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    return entry.replace(uid=0, gid=0, uname="root", gname="root", deep=False)


def tree_files(root: Path) -> list[str]:
    """The tree's files as git lists them; outside a checkout, all files that git would not ignore."""
    if not (root / ".git").exists() or not shutil.which("git"):
        return _walk(root)
    # Root may work in the checkout of somebody else, which git would not read without the option.
    git = ("git", "-c", f"safe.directory={root}", "-C", str(root))
    listed = subprocess.run((*git, "ls-files", "-coz", "--exclude-standard"), capture_output=True, text=True)
    if listed.returncode != 0:
        raise GuestError(f"git does not list the working tree: {listed.stderr}")
    return listed.stdout.split("\0")[:-1]


def _walk(root: Path) -> list[str]:
    patterns = [".git", *(line.strip("/") for line in (root / ".gitignore").read_text().split())]
    ignored = re.compile("|".join(map(fnmatch.translate, patterns)))
    files = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not ignored.match(name)]
        files += [os.path.join(folder, name) for name in names if not ignored.match(name)]
    return sorted(os.path.relpath(file, root) for file in files)


def save_images(target: Path) -> None:
    """Write the image that serves, and the one of Samba's tools, into an archive for ``docker load``."""
    client = docker.from_env()
    try:
        tools = provide_image(client)
    finally:
        client.close()
    run("docker", "save", "--output", str(target), _IMAGE, tools)
