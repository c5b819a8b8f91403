"""A test's own Docker daemon, which it may stop, kill and slow down."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import docker
from attrs import define, field

from tests.testkit.leftovers import unmount_below
from tests.testkit.probes import until

_SECONDS = 60


@define
class OwnDocker:
    """A ``dockerd`` with everything in ``folder``."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder / 'docker.sock'}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = (
            f"--data-root={self.folder / 'data'}",
            f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.folder / 'pid'}",
            f"--host={self.url}",
            *("--bridge=none", "--iptables=false", "--ip-masq=false", "--storage-driver=overlay2"),
        )
        for stale in ("pid", "exec/containerd/containerd.pid"):  # of processes that were killed
            (self.folder / stale).unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(("dockerd", *options), stdout=log, stderr=log)
        assert until(self.answers, _SECONDS), (self.folder / "log").read_text()[-2000:]

    def answers(self) -> bool:
        """Whether it answers, without docker-py, which leaves sockets open that did not connect."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            try:
                asking.connect(str(self.folder / "docker.sock"))
                asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in asking.recv(64)
            except OSError:
                return False

    def stop(self) -> None:
        """Stop it orderly: its containers end."""
        self._end("terminate")

    def kill(self) -> None:
        """End it at once: its containers are left running."""
        self._end("kill")

    def _end(self, how: str) -> None:
        if self.process is not None:
            getattr(self.process, how)()
            self.process.wait(_SECONDS)
            self.process = None

    def load(self, image: str) -> None:
        """Load an image of the machine's own daemon."""
        with closing(docker.from_env()) as source, closing(docker.DockerClient(self.url)) as target:
            parts = source.images.get(image).save(named=True)
            target.images.load(b"".join(parts))


@contextmanager
def own_docker(folder: Path, image: str) -> Iterator[OwnDocker]:
    """A running daemon with the image; nothing of it is left afterwards."""
    made = OwnDocker(folder)
    try:
        made.start()
        made.load(image)
        yield made
    finally:
        made.stop()
        unmount_below(folder)


@define
class Slow:
    """A proxy to Docker that passes everything on, ``delay`` seconds late."""

    path: Path
    target: str
    delay: float = 0.0
    _listener: socket.socket = field(factory=lambda: socket.socket(socket.AF_UNIX))
    _ending: bool = False

    @property
    def url(self) -> str:
        return f"unix://{self.path}"

    @contextmanager
    def listening(self) -> Iterator[None]:
        self._listener.bind(str(self.path))
        self._listener.listen()
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ending = True
            self._listener.close()
            self.path.unlink()

    def _accept(self) -> None:
        while not self._ending:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, suppress(OSError):
            server.connect(self.target)
            ends = {client: server, server: client}
            while True:
                for source in select.select(list(ends), [], [])[0]:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    if source is client and self.delay:
                        time.sleep(self.delay)  # this is what it is for
                    ends[source].sendall(data)
