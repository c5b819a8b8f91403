"""The two servers that are measured beside each other: one of ours, and a plain Samba of the same image."""

from __future__ import annotations

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import docker
from tests.testkit.clients import ClientNamespace
from tests.testkit.site import Site
from tools.conformance.torture import Target

from shares_core import Capacity, Protection
from shares_core.adapters.containers.runtime import LABEL_INSTALLATION
from shares_core.adapters.linux.polling import wait_until
from shares_core.adapters.state.layout import Layout
from shares_core.adapters.state.secrets import nt_hash
from shares_core.domain.network import Interface
from shares_core.domain.secret import Secret

_SIZE = "1GiB"
_USER = "torture"
_PLAIN_UID = 3000
_SHARE = "files"
_START_SECONDS = 30

#: What `samba` writes in its own documentation for a file server, with the two modules that Windows expects.
_PLAIN = """\
[global]
\tserver role = standalone server
\tnetbios name = PLAIN
\tpassdb backend = smbpasswd:/private/smbpasswd
\tlogging = file
\tdisable spoolss = yes
\tload printers = no
[{share}]
\tpath = /shares/{share}
\tread only = no
\tvfs objects = acl_xattr streams_xattr
"""

_START = (
    "mkdir -p /var/lib/samba/private /var/cache/samba /var/log/samba /run/samba && "
    "exec smbd --foreground --no-process-group --debug-stdout --configfile=/config/smb.conf </dev/null"
)


@contextmanager
def ours(
    site: Site,
    name: str = "ours",
    protection: Protection | None = None,
    *,
    size: str = _SIZE,
    case_fold: bool = False,
) -> Iterator[tuple[Target, Interface]]:
    """A share of a server of ours, with the settings that a newcomer gets."""
    view = site.host.servers.create(name, protection=protection)
    try:
        created = site.host.shares.create(name, _SHARE, Capacity.parse(size), case_fold=case_fold)
        password = site.allow(name, _SHARE, _USER)
        share = site.host.servers.show(name).server.share(_SHARE)
        folder = Layout(site.config.state_dir).share(created.server.id, share.id) / "data"
        interface = view.server.interfaces[0]
        site.namespaces.append(namespace := ClientNamespace.beside(interface))
        address = str(interface.addresses[0].ip)
        secret = authentication(site.folder, password)
        yield Target(namespace, address, _SHARE, secret, folder), interface
    finally:
        site.host.servers.delete(name, with_shares=True)


@contextmanager
def plain(site: Site, interface: Interface, *, size: str = _SIZE) -> Iterator[Target]:
    """A Samba of the same image, run as root with nothing forced, on the network of a server of ours."""
    folder = site.folder / "plain"
    with ExitStack() as undo:
        shared = undo.enter_context(_ext4(folder, size))
        password = uuid.uuid4().hex
        _write_config(folder, password)
        api = undo.enter_context(closing(docker.from_env()))
        container = api.containers.create(
            site.config.docker.image,
            entrypoint=["tini", "-g", "--", "sh", "-c", _START],
            user="0:0",
            network_mode="none",
            labels={LABEL_INSTALLATION: site.installation},
            cap_add=["SYS_ADMIN"],  # for the attributes in which acl_xattr keeps its ACLs
            volumes={
                str(folder / "config"): {"bind": "/config", "mode": "ro"},
                str(folder / "private"): {"bind": "/private", "mode": "rw"},
                str(shared): {"bind": f"/shares/{_SHARE}", "mode": "rw"},
            },
        )
        undo.callback(container.remove, force=True)
        container.start()
        container.reload()
        server = ClientNamespace.beside(interface, process=container.attrs["State"]["Pid"])
        undo.callback(server.remove)
        client = ClientNamespace.beside(interface)
        undo.callback(client.remove)
        if not wait_until(lambda: client.reaches(server.address), _START_SECONDS):
            raise TimeoutError(f"the plain Samba does not answer: {container.logs().decode()}")
        yield Target(client, server.address, _SHARE, authentication(site.folder, password), shared)


def samba_version(site: Site) -> str:
    """The version of Samba in the image."""
    with closing(docker.from_env()) as api:
        said: bytes = api.containers.run(
            site.config.docker.image, entrypoint=["smbd", "--version"], network_mode="none", remove=True
        )
    return said.decode().split()[-1]


@contextmanager
def _ext4(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own, as a share of ours has, with as many files."""
    image, mounted = folder / "image", folder / "files"
    mounted.mkdir(parents=True)
    with image.open("xb") as file:
        file.truncate(Capacity.parse(size).bytes)
    subprocess.run(("mkfs.ext4", "-q", "-F", "-i", "8192", str(image)), check=True)
    subprocess.run(("mount", "-o", "loop", str(image), str(mounted)), check=True)
    try:
        (mounted / "data").mkdir()
        (mounted / "data").chmod(0o777)
        yield mounted / "data"
    finally:
        subprocess.run(("umount", "--lazy", str(mounted)), check=True)


def _write_config(folder: Path, password: str) -> None:
    config, private = folder / "config", folder / "private"
    config.mkdir()
    private.mkdir(mode=0o700)
    accounts = {"root": 0, "nobody": 65534, _USER: _PLAIN_UID}
    lines = (f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n" for name, uid in accounts.items())
    (config / "passwd").write_text("".join(lines))
    (config / "group").write_text("".join(f"{name}:x:{uid}:\n" for name, uid in accounts.items()))
    (config / "smb.conf").write_text(_PLAIN.format(share=_SHARE))
    hashed = nt_hash(Secret(password))
    line = f"{_USER}:{_PLAIN_UID}:{'X' * 32}:{hashed}:[U          ]:LCT-{int(time.time()):08X}:\n"
    (private / "smbpasswd").write_text(line)
    (private / "smbpasswd").chmod(0o600)


def authentication(folder: Path, password: str) -> Path:
    """A file with the name and the password, which only root can read."""
    path = folder / f"auth-{uuid.uuid4().hex[:8]}"
    path.touch(mode=0o600)
    path.write_text(f"username = {_USER}\npassword = {password}\n")
    return path
