"""A server that the service keeps up, and a client beside it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.conftest import Site
from tests.integration.support.clients import ClientNamespace

_SECONDS = 30


@contextmanager
def watching(site: Site) -> Iterator[subprocess.Popen[str]]:
    """``shares-core watch`` on this host, until the block ends; then it ends in order when it is asked to.

    What it says is in ``watch.log`` in the host's folder.
    """
    settings, network, url = site.folder / "settings.toml", site.config.network, site.config.docker_url
    settings.write_text(
        f'state_dir = "{site.config.state_dir}"\n'
        f'[network]\nbridge = "{network.bridge}"\nsubnet = "{network.subnet}"\n'
        + (f'[docker]\nurl = "{url}"\n' if url else "")
    )
    program = Path(sys.executable).with_name("shares-core")
    with (site.folder / "watch.log").open("w") as log:
        process = subprocess.Popen((program, "--config", settings, "watch"), stderr=log, text=True)
        try:
            yield process
            process.terminate()
            process.wait(_SECONDS)
        finally:
            process.kill()
            process.wait()


@contextmanager
def server_kept_up(site: Site) -> Iterator[tuple[str, ClientNamespace, str]]:
    """Gives the server's id, a client's namespace on its bridge, and its address."""
    server = site.host.servers.create("kept-up").server
    try:
        interface = server.interfaces[0]
        network = interface.addresses[0].network
        client = site.client_on(str(interface.bridge), f"{list(network.hosts())[-2]}/{network.prefixlen}")
        with watching(site):
            yield server.id, client, str(interface.addresses[0].ip)
    finally:
        site.host.servers.delete("kept-up")
