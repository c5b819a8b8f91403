"""``shares-core server``: share servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from threading import Event

import click

from shares_core.bootstrap import Host
from shares_core.domain.errors import NotFound, RecordUnreadable, SharesError
from shares_core.domain.network import InterfaceSpec
from shares_core.domain.presets import server_preset
from shares_core.domain.protection import Dialect, Encryption, Protection
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.views import LogLine, ServerView, UpgradeOutcome, UpgradeView
from shares_core.entrypoints.cli import documents, options
from shares_core.entrypoints.cli.errors import FAILED, report
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.output import complain
from shares_core.entrypoints.cli.remedies import problem_of
from shares_core.entrypoints.cli.text import does_not_run, hosts, locations, state_of, under_way

_FOLLOW_SECONDS = 1.0
_ENCRYPTION = click.option(
    "--encryption",
    metavar="|".join(Encryption),
    help="Whether clients have to encrypt. Default: required.",
)
_MIN_PROTOCOL = click.option(
    "--min-protocol",
    metavar="|".join(Dialect),
    help="The oldest SMB that clients may speak. Default: SMB3_00.",
)


@click.group(cls=Group)
def server() -> None:
    """Share servers: one tenant's Samba container each."""


@server.command(
    "create",
    epilog="shares-core server create tenant-a\n"
    "shares-core server create tenant-b --bridge tenant-b --address 10.0.0.5/24\n"
    "shares-core server create tenant-c --bridge tenant-c --address fd00::5/64 --host-address fd00::1/64",
)
@click.argument("name", metavar="SERVER")
@click.option(
    "--address",
    "addresses",
    metavar="IP/PREFIX",
    multiple=True,
    help="An address of the server; may be given again. Default: the next free one of the default network.",
)
@click.option(
    "--bridge", metavar="NAME", help="The bridge it is on, made if need be. Default: the default network's."
)
@click.option("--mac", metavar="MAC", help="The interface's MAC address. Default: one that never changes.")
@click.option(
    "--gateway", "gateways", metavar="IP", multiple=True, help="The default gateway, for each IP version."
)
@click.option(
    "--host-address",
    "host_addresses",
    metavar="IP/PREFIX",
    multiple=True,
    help="The host's own address on the bridge. Without one, the bridge is closed to the host.",
)
@click.option(
    "--mtu", type=int, metavar="BYTES", help="The bridge's MTU. Default: the configuration's, 1500."
)
@options.preset_option("server")
@_ENCRYPTION
@_MIN_PROTOCOL
@pass_invocation
def create(
    invocation: Invocation,
    name: str,
    addresses: tuple[str, ...],
    bridge: str | None,
    mac: str | None,
    gateways: tuple[str, ...],
    host_addresses: tuple[str, ...],
    mtu: int | None,
    preset: str | None,
    encryption: str | None,
    min_protocol: str | None,
) -> None:
    """Make a share server and start it.

    Does nothing if it exists and fits.
    """
    chosen = _read(preset, encryption, min_protocol)
    protection = None if chosen == (None, None) else Protection().changed(*chosen)
    spec = InterfaceSpec.parse(
        bridge=bridge, addresses=addresses, mac=mac, gateways=gateways, host_addresses=host_addresses, mtu=mtu
    )
    view = invocation.changing().servers.create(name, (spec,), protection)

    def tell() -> None:
        invocation.out.lines(f"server {view.server.name} is {state_of(view)}")
        invocation.out.fields(_reach(view.server))
        _tell_relaxations(invocation, view.server)
        if view.problem and not does_not_run(view.server, view.state):
            invocation.out.lines(f"problem: {problem_of(view, invocation.command)}")
        invocation.tell_unreachable(view.server, view.state)
        line = invocation.command("share", "create", str(view.server.name), "SHARE", "--size", "1GiB")
        invocation.out.lines("", f"next: {line}")

    invocation.out.answer(documents.server(view), tell)


@server.command("list")
@pass_invocation
def list_servers(invocation: Invocation) -> None:
    """List all servers."""
    found = invocation.reading().servers.list()
    head = ("name", "state", "bridge", "addresses", "shares", "users", "problem")
    rows = [_row(each) for each in found]
    invocation.out.answer(
        [documents.server(each) for each in found],
        lambda: invocation.out.table(head, rows, "there are no servers yet"),
    )
    fail_for(unreadable_among(found))


@server.command("show")
@click.argument("name", metavar="SERVER")
@pass_invocation
def show(invocation: Invocation, name: str) -> None:
    """Show a server, with the export locations of its shares."""
    view = invocation.reading().servers.show(name)
    invocation.out.answer(documents.server(view), lambda: _tell(invocation, view))


@server.command(
    "set",
    epilog="shares-core server set tenant-a --encryption desired --min-protocol SMB2_10\n"
    "shares-core server set tenant-a --preset default",
)
@click.argument("name", metavar="SERVER")
@options.preset_option("server")
@_ENCRYPTION
@_MIN_PROTOCOL
@pass_invocation
def set_protection(
    invocation: Invocation, name: str, preset: str | None, encryption: str | None, min_protocol: str | None
) -> None:
    """Change what a server demands of its clients, for old devices.

    If it demands more, its connections end; clients that fit come back by themselves.
    """
    wanted, oldest = _read(preset, encryption, min_protocol)
    if wanted is None and oldest is None:
        raise click.UsageError("say what to set: --preset, --encryption or --min-protocol")
    view = invocation.changing().servers.set(name, encryption=wanted, min_protocol=oldest)

    def tell() -> None:
        invocation.out.lines(f"server {view.server.name} demands {_demanded(view.server)}")
        _tell_relaxations(invocation, view.server)

    invocation.out.answer(documents.server(view), tell)


def _read(
    preset: str | None, encryption: str | None, min_protocol: str | None
) -> tuple[Encryption | None, Dialect | None]:
    """What is demanded: by an option, else by the preset, else None."""
    found = None if preset is None else server_preset(preset)
    default = (None, None) if found is None else (found.encryption, found.min_protocol)
    return (
        default[0] if encryption is None else Encryption.parse(encryption),
        default[1] if min_protocol is None else Dialect.parse(min_protocol),
    )


def _demanded(found: ShareServer) -> str:
    """What a server demands of its clients, in words."""
    encrypted = (
        "with encryption" if found.protection.encryption is Encryption.REQUIRED else "encrypted if it can"
    )
    return f"{found.protection.min_protocol} or newer, {encrypted}, always signed"


def _tell_relaxations(invocation: Invocation, found: ShareServer) -> None:
    invocation.out.lines(*(f"warning: {relaxation}" for relaxation in found.protection.relaxations))


@server.command("log", epilog="shares-core server log tenant-a\nshares-core server log tenant-a --follow")
@click.argument("name", metavar="SERVER")
@click.option("--follow", is_flag=True, help="Go on with new lines, until interrupted.")
@pass_invocation
def log(invocation: Invocation, name: str, *, follow: bool) -> None:
    """Show a server's log: whom it refused, and why.

    Its container keeps the last megabytes; a new container begins a new log.
    """
    if follow and invocation.out.json:
        raise click.UsageError("--json prints one document, so it does not --follow")
    host = invocation.reading()
    lines = host.servers.log(name)
    invocation.out.answer(
        [{"time": line.time, "text": line.text} for line in lines],
        lambda: invocation.out.lines(*map(_logged, lines)),
    )
    last = lines[-1].time if lines else ""
    while follow:
        Event().wait(_FOLLOW_SECONDS)
        for line in host.servers.log(name, last):
            invocation.out.lines(_logged(line))
            last = line.time


def _logged(line: LogLine) -> str:
    return f"{line.time[:19]}Z {line.text}"


@server.command("start")
@click.argument("name", metavar="SERVER")
@pass_invocation
def start(invocation: Invocation, name: str) -> None:
    """Make a server serve, and repair whatever is missing."""
    view = invocation.changing().servers.start(name)
    _answer_state(invocation, view)


@server.command("stop")
@click.argument("name", metavar="SERVER")
@pass_invocation
def stop(invocation: Invocation, name: str) -> None:
    """Stop serving; the data stays."""
    view = invocation.changing().servers.stop(name)
    _answer_state(invocation, view)


@server.command("upgrade", epilog="shares-core server upgrade tenant-a\nshares-core server upgrade --all")
@click.argument("name", metavar="[SERVER]", required=False)
@click.option("--all", "every", is_flag=True, help="All servers, one after the other, up to one that fails.")
@pass_invocation
def upgrade(invocation: Invocation, name: str | None, *, every: bool) -> None:
    """Give servers the current image.

    Clients reconnect within seconds. If the new container does not get ready, the server goes back to its
    former image, and the command fails.
    """
    if every == (name is not None):
        raise click.UsageError("name a server, or say --all")
    host = invocation.changing()
    listed = host.servers.list() if every else ()
    names = [str(view.server.name) for view in listed if isinstance(view, ServerView)]
    views = _upgraded_all(host, names) if name is None else [host.servers.upgrade(name)]
    invocation.out.answer(
        [documents.upgraded(view) for view in views] if every else documents.upgraded(views[0]),
        lambda: invocation.out.lines(*map(_upgraded, views)),
    )
    fail_for(unreadable_among(listed))


def _upgraded_all(host: Host, names: Sequence[str]) -> list[UpgradeView]:
    """Upgrade one after the other; if one fails, its error tells the outcome for the others."""
    views: list[UpgradeView] = []
    for number, name in enumerate(names):
        try:
            views.append(host.servers.upgrade(name))
        except NotFound:
            continue  # deleted after it was listed
        except (SharesError, KeyboardInterrupt) as error:
            for view in views:
                error.add_note(_upgraded(view))
            if left := names[number + 1 :]:
                error.add_note(f"not tried any more: {', '.join(left)}")
            raise
    return views


_UPGRADES = {
    UpgradeOutcome.CURRENT: "has the current image",
    UpgradeOutcome.STOPPED: "does not run: it gets the current image when it is started",
}


def _upgraded(view: UpgradeView) -> str:
    if view.outcome is UpgradeOutcome.UPGRADED:
        return f"server {view.server.name} is upgraded; it was away for {view.downtime:.2f} s"
    return f"server {view.server.name} {_UPGRADES[view.outcome]}"


@server.command("delete")
@click.argument("name", metavar="SERVER")
@click.option("--with-shares", is_flag=True, help="Delete its shares and their data too.")
@pass_invocation
def delete(invocation: Invocation, name: str, with_shares: bool) -> None:
    """Remove a server; refuses while it has shares."""
    invocation.changing().servers.delete(name, with_shares=with_shares)
    invocation.out.answer(
        {"server": name, "deleted": True}, lambda: invocation.out.lines(f"server {name} is deleted")
    )


def unreadable_among(found: Iterable[ServerView | RecordUnreadable]) -> tuple[RecordUnreadable, ...]:
    """The records that could not be read."""
    return tuple(each for each in found if isinstance(each, RecordUnreadable))


def fail_for(unreadable: Sequence[RecordUnreadable]) -> None:
    """Name the records that could not be read, if any, and end with their exit status. Raises Exit."""
    for error in unreadable:
        complain(*report(error).lines())
    if unreadable:
        raise click.exceptions.Exit(FAILED)


def _answer_state(invocation: Invocation, view: ServerView) -> None:
    def tell() -> None:
        invocation.out.lines(f"server {view.server.name} is {state_of(view)}")
        if view.problem:
            invocation.out.lines(f"problem: {problem_of(view, invocation.command)}")

    invocation.out.answer(documents.server(view), tell)


def _row(view: ServerView | RecordUnreadable) -> tuple[str, ...]:
    if isinstance(view, RecordUnreadable):
        return ("?", "unknown", "", "", "", "", view.message)
    found = view.server
    return (
        str(found.name),
        state_of(view),
        " ".join(dict.fromkeys(interface.attachment.device for interface in found.interfaces)),
        " ".join(hosts(found)),
        str(len(found.shares)),
        str(len(found.accounts)),
        problem_of(view),
    )


def _tell(invocation: Invocation, view: ServerView) -> None:
    found, out = view.server, invocation.out
    state = state_of(view)
    desired = "" if str(found.desired) == state else f" (should be {found.desired})"
    out.fields(
        [
            ("server", str(found.name)),
            ("id", found.id),
            ("state", f"{state}{desired}"),
            ("problem", problem_of(view, invocation.command)),
            ("demands", _demanded(found)),
            ("options", options.of_server(found.protection)),
        ]
    )
    _tell_relaxations(invocation, found)
    for interface in found.interfaces:
        out.lines("")
        out.fields(
            [
                ("bridge", interface.attachment.device),
                ("addresses", ", ".join(map(str, interface.addresses))),
                ("mac", str(interface.mac)),
                ("gateways", ", ".join(map(str, interface.gateways))),
                (
                    "host addresses",
                    ", ".join(map(str, interface.host_addresses)) or "none: closed to the host",
                ),
                ("mtu", str(interface.mtu)),
            ]
        )
    out.lines("", "users: " + (", ".join(str(account.name) for account in found.accounts) or "none"))
    for share in found.shares:
        out.lines("", _share_line(share))
        out.fields([(f"  {client}", location) for client, location in locations(found, share)])


def _share_line(share: CifsShare) -> str:
    operation = f" ({under_way(share.operation)})" if share.operation is not None else ""
    return f"share {share.name}: {share.capacity}, {share.status}{operation}"


def _reach(found: ShareServer) -> list[tuple[str, str]]:
    """How the server can be reached, and from where."""
    fields = []
    for interface in found.interfaces:
        addresses = ", ".join(str(address.ip) for address in interface.addresses)
        if interface.host_addresses:
            where = f"from this host, and from clients on {interface.attachment}"
        else:
            where = f"from clients on {interface.attachment}; the host itself cannot reach it"
        fields.append((f"  {addresses}", where))
    return fields
