"""``shares-core share``: CIFS shares."""

from __future__ import annotations

from typing import Any

import click

from shares_core.domain.capacity import Capacity, format_bytes
from shares_core.domain.exports import exports_of
from shares_core.domain.options import ShareOptions
from shares_core.domain.share import CifsShare, FileSystemKind, ShareStatus
from shares_core.domain.snapshots import SnapshotSource
from shares_core.domain.views import CheckView, ExtendView, ExtendWay, ShareView
from shares_core.domain.volume import DEFAULT_POOL
from shares_core.entrypoints.cli import documents, options
from shares_core.entrypoints.cli.errors import FAILED
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.servers import fail_for, unreadable_among
from shares_core.entrypoints.cli.text import access, does_not_run, locations, under_way

_WAYS = {
    ExtendWay.ONLINE: "online: its clients stayed connected",
    ExtendWay.OFFLINE: "offline: its clients' connections were closed for a moment, and it is served again",
    ExtendWay.UNCHANGED: "not at all: it has that size already",
}
_FOLDS = ", which finds names in any case (case_fold)"


@click.group(cls=Group)
def share() -> None:
    """CIFS shares: each has its own volume and capacity."""


@share.command(
    "create",
    epilog="shares-core share create tenant-a projects --size 1GiB\n"
    "shares-core share create tenant-a 'R&D' --size 1.5TiB --filesystem xfs\n"
    "shares-core share create tenant-a backups --size 2TiB --time-machine --time-machine-limit 1.5TiB\n"
    "shares-core share create tenant-a contracts --size 100GiB --preset archive\n"
    "shares-core share create tenant-b tryout --from-snapshot tenant-a/projects@before-the-move\n"
    "shares-core share create tenant-b archive --from-snapshot tenant-a/projects@monday --pool slow --copy\n"
    "shares-core share create tenant-a scans --size 2TiB --case-fold",
)
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@click.option("--size", metavar="SIZE", help="Its capacity: 500MiB, 1.5GiB, 2TiB.")
@click.option("--filesystem", metavar="ext4|xfs", help="The file system inside. Default: ext4.")
@click.option("--pool", metavar="POOL", help=f"Where it lies. Default: {DEFAULT_POOL}.")
@click.option(
    "--from-snapshot",
    "source",
    metavar="SERVER/SHARE@SNAPSHOT",
    help="The snapshot whose files it begins with: without --size and --pool it has those of the snapshot.",
)
@click.option("--copy", is_flag=True, help="Also where the snapshot has to be copied.")
@click.option(
    "--case-fold",
    is_flag=True,
    help="Let the ext4 itself find names in any case: folders of any size are quick, and more names are one.",
)
@options.share_options
@pass_invocation
def create(
    invocation: Invocation,
    /,
    server: str,
    name: str,
    size: str | None,
    filesystem: str | None,
    pool: str | None,
    source: str | None,
    *,
    copy: bool,
    case_fold: bool,
    **given: Any,
) -> None:
    """Make a share; nobody has access to it yet.

    Does nothing if it exists and fits.

    With --case-fold a program does not find 'a.txt' by the pattern '*.TXT', and no rename changes only case:
    see docs/clients.md. It cannot be changed later.
    """
    preset, chosen = options.read(given)
    wanted = (preset or ShareOptions()).changed(**chosen) if preset or chosen else None
    capacity = None if size is None else Capacity.parse(size)
    if source is not None:
        if filesystem is not None or case_fold:
            raise click.UsageError("leave out --filesystem and --case-fold: the share gets the snapshot's")
        copied = SnapshotSource.parse(source)
        view = invocation.changing().shares.clone(server, name, copied, capacity, wanted, pool, copy=copy)
    elif copy:
        raise click.UsageError("--copy is for --from-snapshot")
    elif capacity is None:
        raise click.UsageError("say --size, or --from-snapshot")
    else:
        kind = FileSystemKind.parse(filesystem or FileSystemKind.EXT4)
        view = invocation.changing().shares.create(
            server, name, capacity, kind, pool or str(DEFAULT_POOL), wanted, case_fold=case_fold
        )

    def tell() -> None:
        _tell(invocation, view)
        invocation.tell_unreachable(view.server, view.state)
        if not view.share.rules:
            line = invocation.command("access", "allow", str(view.server.name), str(view.share.name), "USER")
            invocation.out.lines("", f"next: {line}")

    invocation.out.answer(documents.share(view), tell)


@share.command("shrink", epilog="shares-core share shrink tenant-a projects --size 10GiB")
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@click.option("--size", metavar="SIZE", required=True, help="Its new capacity: 500MiB, 1.5GiB.")
@click.option("--copy", is_flag=True, help="Also where the volumes of its pool have to be copied.")
@pass_invocation
def shrink(invocation: Invocation, server: str, name: str, size: str, *, copy: bool) -> None:
    """Make a share smaller; its clients are disconnected meanwhile.

    It is refused if what the share holds does not fit. For a moment the pool holds the share in both sizes.
    An xfs cannot shrink.
    """
    view = invocation.changing().shares.shrink(server, name, Capacity.parse(size), copy=copy)

    def tell() -> None:
        _tell(invocation, view)
        if view.share.snapshots:
            invocation.out.lines(
                "", "its snapshots keep what they hold, and their size, until they are deleted"
            )

    invocation.out.answer(documents.share(view), tell)


@share.command("rename", epilog="shares-core share rename tenant-a projects projects-2026")
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@click.argument("new", metavar="NEW")
@pass_invocation
def rename(invocation: Invocation, server: str, name: str, new: str) -> None:
    """Give a share another name.

    Its clients are disconnected, and have to connect to its new name. Everything else stays.
    """
    view = invocation.changing().shares.rename(server, name, new)
    invocation.out.answer(documents.share(view), lambda: _tell(invocation, view))


@share.command("list")
@click.argument("server", metavar="[SERVER]", required=False)
@pass_invocation
def list_shares(invocation: Invocation, server: str | None) -> None:
    """List the shares of one server, or of all."""
    host = invocation.reading()
    found = host.shares.list(server)
    unreadable = unreadable_among(host.servers.list()) if server is None else ()
    empty = "there are no shares in the records that can be read" if unreadable else "there are no shares yet"
    head = ("server", "share", "status", "size", "used", "free", "filesystem", "access")
    rows = [_row(view) for view in found]
    invocation.out.answer(
        [documents.share(view) for view in found],
        lambda: invocation.out.table(head, rows, empty),
    )
    fail_for(unreadable)


@share.command("show")
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@pass_invocation
def show(invocation: Invocation, server: str, name: str) -> None:
    """Show a share, with its export locations ready to paste."""
    view = invocation.reading().shares.show(server, name)
    invocation.out.answer(documents.share(view), lambda: _tell(invocation, view))


@share.command(
    "set",
    epilog="shares-core share set tenant-a projects --recycle-bin 14\n"
    "shares-core share set tenant-a projects --preset archive --recycle-bin 90\n"
    "shares-core share set tenant-a projects --preset default",
)
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@options.share_options
@pass_invocation
def set_options(invocation: Invocation, /, server: str, name: str, **given: Any) -> None:
    """Change a share's options.

    Its clients are disconnected, and come back by themselves.
    """
    preset, chosen = options.read(given)
    if preset is None and not chosen:
        raise click.UsageError("say what to set: --preset or an option")
    view = invocation.changing().shares.set(server, name, preset, **chosen)

    def tell() -> None:
        found = options.of_share(view.share.options) or "the default options"
        invocation.out.lines(f"share {view.share.name} has {found}")
        _warn_of_bin(invocation, view)
        if chosen.get("audit"):
            _tell_audit(invocation, view)

    invocation.out.answer(documents.share(view), tell)


@share.command("extend", epilog="shares-core share extend tenant-a projects --size 2GiB")
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@click.option("--size", metavar="SIZE", required=True, help="Its new capacity, larger than now.")
@click.option("--online-only", is_flag=True, help="Refuse if its clients had to be disconnected.")
@pass_invocation
def extend(invocation: Invocation, server: str, name: str, size: str, *, online_only: bool) -> None:
    """Make a share larger, online if the kernel allows it.

    If not, the share's clients are disconnected while its file system is checked and grown: their open files
    are lost, and for some seconds the share is not there.
    """
    capacity = Capacity.parse(size)
    view = invocation.changing().shares.extend(server, name, capacity, online_only=online_only)
    invocation.out.answer(documents.extended(view), lambda: _tell_extended(invocation, view))


@share.command(
    "check",
    epilog="shares-core share check tenant-a projects\nshares-core share check tenant-a projects --repair",
)
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@click.option("--repair", is_flag=True, help="Repair what is damaged; what is in damaged parts may be lost.")
@pass_invocation
def check(invocation: Invocation, server: str, name: str, *, repair: bool) -> None:
    """Look for damage in a share's file system.

    Its clients are disconnected meanwhile. A whole file system is served again, even if the share had failed;
    a damaged one is not, and the exit status is 7. Copy the volume before a repair.

    It reads the whole file system. The server and its other shares go on meanwhile: 'operation list' shows
    its progress, 'operation cancel' ends it once its tool has ended.
    """
    view = invocation.changing().shares.check(server, name, repair=repair)
    invocation.out.answer(documents.checked(view), lambda: _tell_checked(invocation, view))
    if view.share.share.status is not ShareStatus.READY:
        raise click.exceptions.Exit(FAILED)


@share.command("delete")
@click.argument("server", metavar="SERVER")
@click.argument("name", metavar="SHARE")
@click.option("--with-snapshots", is_flag=True, help="Delete its snapshots too.")
@pass_invocation
def delete(invocation: Invocation, server: str, name: str, *, with_snapshots: bool) -> None:
    """Remove a share and its data, and disconnect whoever uses it.

    Refuses while it has snapshots. Its audit trail goes too: copy it first. The data of a thick logical
    volume is overwritten, which takes as long as the disk takes; after that nothing can restore it.
    """
    invocation.changing().shares.delete(server, name, with_snapshots=with_snapshots)
    invocation.out.answer(
        {"server": server, "share": name, "deleted": True},
        lambda: invocation.out.lines(f"share {name} of server {server} is deleted"),
    )


def _tell_audit(invocation: Invocation, view: ShareView) -> None:
    words = ("share", "audit", str(view.server.name), str(view.share.name))
    invocation.out.lines("", f"next: {invocation.command('watch')} keeps the trail as long as it runs")
    invocation.out.lines(f"next: {invocation.command(*words)} shows it")


def _tell_checked(invocation: Invocation, view: CheckView) -> None:
    found, out = view.share.share, invocation.out
    out.lines(*view.damage.splitlines(), *view.repair.splitlines())
    if view.damage:
        out.lines(f"share {found.name} is damaged", _repair(invocation, view.share))
        return
    out.lines(f"the file system of share {found.name} is whole; the share is {found.status}")
    invocation.tell_unreachable(view.share.server, view.share.state)


def _tell_extended(invocation: Invocation, view: ExtendView) -> None:
    invocation.out.lines(f"share {view.share.share.name} has {view.share.share.capacity}")
    share = view.share
    if view.way is not ExtendWay.UNCHANGED and does_not_run(share.server, share.state):
        invocation.out.lines(f"extended {view.way}: nobody was connected")
    else:
        invocation.out.lines(f"extended {_WAYS[view.way]}")
    invocation.tell_unreachable(share.server, share.state)


def _tell(invocation: Invocation, view: ShareView) -> None:
    found, usage, out = view.share, view.usage, invocation.out
    out.fields(
        [
            ("share", str(found.name)),
            ("server", str(view.server.name)),
            ("status", str(found.status)),
            ("reason", found.reason),
            ("operation", under_way(found.operation)),
            ("size", _size(view)),
            ("used", format_bytes(usage.used) if usage else ""),
            ("free", format_bytes(usage.free) if usage else ""),
            ("files", f"{usage.files:,}, room for {usage.files_free:,} more" if usage else ""),
            ("filesystem", f"{found.filesystem.kind}{_FOLDS if found.filesystem.case_fold else ''}"),
            ("pool", str(found.volume.pool)),
            ("options", options.of_share(found.options)),
            ("bin", _recycled(view)),
            ("streams", _streams(view)),
            ("snapshots", str(len(found.snapshots) or "")),
            ("acls", "none: its access rules decide"),
            ("access", access(found.rules) or "nobody"),
            *_exported(found),
            *locations(view.server, found),
        ]
    )
    if usage and usage.running_out:
        out.lines(f"warning: it {usage.running_out}")
    _warn_of_bin(invocation, view)
    if found.damaged:
        out.lines("", _repair(invocation, view))


def _recycled(view: ShareView) -> str:
    """What is in its recycle bin."""
    if view.share.options.recycle_bin is None:
        return ""
    if view.recycled is None:
        return "its server does not say what it holds"
    return f"{view.recycled.files:,} files, {format_bytes(view.recycled.bytes)}"


def _warn_of_bin(invocation: Invocation, view: ShareView) -> None:
    """Say so if nothing empties the bin."""
    if view.recycled is not None and not view.recycled.emptied:
        line = invocation.command("server", "upgrade", str(view.server.name))
        invocation.out.lines(
            "warning: nothing empties its recycle bin: its server runs an image of a former release",
            f"next: {line}",
        )


def _repair(invocation: Invocation, view: ShareView) -> str:
    line = invocation.command("share", "check", str(view.server.name), str(view.share.name), "--repair")
    return f"next: take a copy of its volume, then {line}"


def _streams(view: ShareView) -> str:
    """How large alternate data streams may be."""
    if view.stream_limit is None:
        return ""
    if view.share.volume.large_attributes:
        return f"up to {format_bytes(view.stream_limit + 1)} each"  # one byte less, in round figures
    size = format_bytes(view.stream_limit)
    return f"about {size} for all of a file: a former release made the file system"


def _size(view: ShareView) -> str:
    """The capacity, and the volume's size if that is larger."""
    capacity, volume = view.share.capacity, view.volume_size
    if volume is None or volume == capacity:
        return str(capacity)
    return f"{capacity}, on a volume of {volume}"


def _row(view: ShareView) -> tuple[str, ...]:
    found, usage = view.share, view.usage
    return (
        str(view.server.name),
        str(found.name),
        str(found.status),
        str(found.capacity),
        format_bytes(usage.used) if usage else "-",
        format_bytes(usage.free) if usage else "-",
        str(found.filesystem.kind),
        ", ".join(f"{rule.principal.name}:{rule.level}" for rule in found.rules) or "nobody",
    )


def _exported(share: CifsShare) -> list[tuple[str, str]]:
    """Its snapshots that are shares of their own, each with who may read it."""
    exports = (export for export in exports_of(share) if export.snapshot is not None)
    return [("exported", f"{export.name}: {access(export.rules) or 'nobody'}") for export in exports]
