"""A container with the serving Samba and one more tool: pdbedit, which the image leaves out."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from docker import DockerClient, from_env
from docker.models.containers import Container
from docker.types import Ulimit

from shares_core.adapters.containers.base_image import provide_base
from tests.testkit.leftovers import ROOT

_IMAGE = "shares-core-samba"
_TAG = "sctest-oracles"
_LABEL = "sctest.made-of"
_PREFIX = "sctest-oracle-"
#: Only the program comes from Debian; the libraries are the image's, so it has to be of the same version.
_RECIPE = f"""\
ARG BASE
FROM ${{BASE}} AS tools
RUN apt-get update && apt-get install --yes --no-install-recommends samba samba-common-bin
FROM {_IMAGE}
COPY --from=tools /usr/bin/pdbedit /usr/bin/
"""
_NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid")
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_SAID = re.compile(r"Could not find name .*|.* with SID S-[0-9-]+")
_FOLDERS = "/var/lib/samba/private /run/samba /var/cache/samba /var/log/samba"


@frozen
class Box:
    """The container, and the folder that is ``/box`` inside; ``/config`` and ``/private`` lie below it."""

    container: Container
    pid: int
    folder: Path

    def script(self, text: str) -> str:
        """The output of a shell script, which has to succeed."""
        argv = ("nsenter", "--target", str(self.pid), *_NAMESPACES, "--", "sh", "-eu", "-c", text)
        done = subprocess.run(
            argv, capture_output=True, text=True, env=_ENVIRONMENT, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def place(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a new file below ``/box``."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def for_each(self, inputs: Sequence[str], command: str) -> list[tuple[str, str]]:
        """The output of ``command``, on both streams, for each input file ``$f``, in one exec for all."""
        shutil.rmtree(self.folder / "batch", ignore_errors=True)
        for number, text in enumerate(inputs):
            self.place(f"batch/{number}", text)
        last = len(inputs) - 1
        self.script(
            f"cd /box/batch; for i in $(seq 0 {last}); do"
            f" f=/box/batch/$i; ( {command} ) >$i.out 2>$i.err || echo failed >>$i.err; done"
        )
        batch = self.folder / "batch"
        return [
            ((batch / f"{i}.out").read_text(), (batch / f"{i}.err").read_text()) for i in range(len(inputs))
        ]

    def meanings(self, names: Sequence[str]) -> dict[str, str]:
        """What Samba takes each name for, with the present accounts; empty if it knows none.

        ``net sam show`` asks the same function (``lookup_name``) as smbd does for ``valid users``.
        """
        self.place("words", "\n".join(names) + "\n")
        out = self.script(
            'while read -r word; do echo "=$word";'
            ' net --configfile=/config/smb.conf sam show "$word" 2>&1 || true; done </box/words'
        )
        found = dict(part.partition("\n")[::2] for part in out.split("=")[1:])
        meanings = {name: found[name].strip() for name in names}
        # Any other output is an error, which must not be taken for "nobody".
        strange = {name: said for name, said in meanings.items() if not _SAID.fullmatch(said)}
        assert strange == {}
        return {name: "" if said.startswith("Could not") else said for name, said in meanings.items()}


@contextmanager
def opened_box() -> Iterator[Box]:
    """A new box; first removes what a killed run left."""
    client = from_env()
    try:
        for left in client.containers.list(all=True, filters={"name": f"^/{_PREFIX}"}):
            left.remove(force=True, v=True)
        with _started(client, provide_image(client)) as box:
            yield box
    finally:
        client.close()


def provide_image(client: DockerClient) -> str:
    """The image with pdbedit, built unless one exists of this recipe and the serving image.

    A cached build of Debian may be older or newer than the image's.
    """
    mark = _mark(client)
    if not client.images.list(name=_TAG, filters={"label": f"{_LABEL}={mark}"}):
        _build(client, mark, fresh=False)
    versions = _versions(client)
    if len(versions) > 1:
        _build(client, mark, fresh=True)
        versions = _versions(client)
    assert len(versions) == 1, f"Debian's Samba and the image's differ: build it with --fresh ({versions})"
    return _TAG


def _mark(client: DockerClient) -> str:
    """The inputs of a build. An image keeps its layers, not its id, when another Docker loads it."""
    layers: list[str] = client.images.get(_IMAGE).attrs["RootFS"]["Layers"]
    return hashlib.sha256("\n".join([_RECIPE, *layers]).encode()).hexdigest()[:12]


def _build(client: DockerClient, mark: str, *, fresh: bool) -> None:
    client.images.build(
        fileobj=io.BytesIO(_RECIPE.encode()),
        tag=_TAG,
        buildargs={"BASE": provide_base(client.api, lambda line: None)},
        labels={_LABEL: mark},
        network_mode="host",
        nocache=fresh,
        rm=True,
    )


def _versions(client: DockerClient) -> set[str]:
    """The versions of smbd and pdbedit."""
    said: bytes = client.containers.run(
        _TAG, ["-c", "smbd -V; pdbedit -V"], entrypoint="sh", network_mode="none", remove=True
    )
    return set(said.decode().splitlines())


@contextmanager
def _started(client: DockerClient, image: str) -> Iterator[Box]:
    token = uuid.uuid4().hex[:8]
    folder = ROOT / f"oracles-{token}"
    for name in ("config", "private"):
        (folder / name).mkdir(parents=True)
    container = client.containers.run(
        image,
        entrypoint=["sleep", "infinity"],
        name=f"{_PREFIX}{token}",
        network_mode="none",
        detach=True,
        ulimits=[Ulimit(name="nofile", soft=16384, hard=16384)],  # testparm warns below it
        volumes=[f"{folder}:/box", f"{folder}/config:/config", f"{folder}/private:/private"],
    )
    try:
        container.reload()
        box = Box(container, container.attrs["State"]["Pid"], folder)
        box.script(f"mkdir -p {_FOLDERS}")
        yield box
    finally:
        container.remove(force=True, v=True)
        shutil.rmtree(folder, ignore_errors=True)
