"""A server that the service keeps up, and a client."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shares_core.domain.views import ServerView
from tests.testkit.clients import ClientNamespace
from tests.testkit.probes import until
from tests.testkit.site import Site

_SECONDS = 30


@contextmanager
def watching(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Run ``shares-core watch`` on this host until the block ends; then it has to end orderly when asked to.

    At the start of the block it has looked at everything once. Its output is in ``watch.log`` in the host's
    folder.
    """
    settings, network, url = site.folder / "settings.toml", site.config.network, site.config.docker.url
    settings.write_text(
        f'state_dir = "{site.config.state_dir}"\n'
        f'[network]\nbridge = "{network.bridge}"\nsubnet = "{network.subnet}"\n'
        + (f'[docker]\nurl = "{url}"\n' if url else "")
    )
    program = Path(sys.executable).with_name("shares-core")
    told = site.folder / "watch.log"
    with told.open("w") as log:
        process = subprocess.Popen((program, "--config", settings, "watch"), stderr=log, text=True)
        try:
            assert until(lambda: "watching: " in told.read_text(), _SECONDS), told.read_text()
            yield process
            process.terminate()
            process.wait(_SECONDS)
        finally:
            process.kill()
            process.wait()


@contextmanager
def servers_kept_up(site: Site, count: int) -> Iterator[tuple[ClientNamespace, list[tuple[str, str]]]]:
    """A client's namespace on the servers' bridge, and each server's id and address."""
    names = [f"kept-up-{number}" for number in range(count)]
    try:
        servers = [site.host.servers.create(name).server for name in names]
        client = ClientNamespace.beside(servers[0].interfaces[0])
        site.namespaces.append(client)
        with watching(site):
            yield client, [(each.id, str(each.interfaces[0].addresses[0].ip)) for each in servers]
    finally:
        for view in site.host.servers.list():
            if isinstance(view, ServerView):
                site.host.servers.delete(str(view.server.name))
