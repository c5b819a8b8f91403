"""The command line: ``shares-core``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from shares_core.entrypoints.cli import (
    access,
    audit,
    demo,
    doctor,
    image,
    operations,
    pool,
    reconcile,
    schedules,
    servers,
    sessions,
    shares,
    snapshots,
    users,
)
from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Doors, Invocation
from shares_core.entrypoints.cli.running import run

__all__ = ["Doors", "main", "root"]


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            known = version("shares-core")
        except PackageNotFoundError:  # runs from a source tree
            known = "of an unknown version"
        click.echo(f"shares-core {known}")
        context.exit()


@click.group(cls=Group, root=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def root() -> None:
    """Turn this host into a fleet of small, isolated SMB file servers.

    \b
    A first share, from nothing:
      shares-core image build
      shares-core server create tenant-a
      shares-core share create tenant-a projects --size 1GiB
      shares-core access allow tenant-a projects ada

    'shares-core demo' shows all of it; 'shares-core doctor' tells what this host lacks. The exit status is 2
    for bad input, 3 not found, 4 conflict, 5 no capacity, 6 host not ready, 7 a part of the host failed.
    """


shares.share.add_command(audit.audit)
for command in (
    servers.server,
    shares.share,
    snapshots.snapshot,
    schedules.schedule,
    access.access,
    users.user,
    sessions.session,
    sessions.file,
    operations.operation,
    pool.pool,
    image.image,
    reconcile.reconcile,
    reconcile.watch,
    doctor.doctor,
    demo.demo,
):
    root.add_command(command)


def main(argv: Sequence[str] | None = None, doors: Doors | None = None) -> int:
    """Run one command and return its exit status; raises nothing. ``doors`` lead to the host."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return run(root, arguments, Invocation(doors or Doors()))
