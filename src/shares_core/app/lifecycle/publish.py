"""Making Samba serve what a record says."""

from __future__ import annotations

from shares_core.app.lifecycle.audit import ensure_trails, remove_container
from shares_core.domain.server import ShareServer
from shares_core.ports import Ports


def publish(ports: Ports, server: ShareServer) -> None:
    """Make Samba serve what ``server`` says, now or once it runs, with the recorded passwords."""
    ensure_folders(ports, server)
    configure(ports, server)


def configure(ports: Ports, server: ShareServer) -> None:
    """The same for a server whose folders exist. What Samba is to log is kept from the beginning."""
    ensure_trails(ports, server)
    ports.smb_config.apply(server, ports.secrets.hashes(server.id))


def ensure_folders(ports: Ports, server: ShareServer) -> None:
    """Ensure the server's folders, which a reboot removes. Idempotent.

    A container sees the folders that existed when it was made. If they are gone, it would go on with its
    former configuration, so it is removed, and the next reconcile brings the server up.
    """
    if not ports.folders.ensured(server.id, server.uid):
        remove_container(ports, server)
        ports.folders.ensure(server.id, server.uid)
