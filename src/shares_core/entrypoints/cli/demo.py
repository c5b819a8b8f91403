"""``shares-core demo``: everything at once, with a real client."""

from __future__ import annotations

import click

from shares_core.entrypoints.cli.demo_marker import SERVER, MarkerFile
from shares_core.entrypoints.cli.demo_script import Demo, Kept
from shares_core.entrypoints.cli.demo_steps import Steps
from shares_core.entrypoints.cli.framework import Command
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.text import shell, smbclient_line


@click.command("demo", cls=Command)
@click.option("--keep", is_flag=True, help="Leave the server running, to look at.")
@pass_invocation
def demo(invocation: Invocation, keep: bool) -> None:
    """Show all of it on this host, with a real SMB client.

    Makes a share server with a share, writes and reads through smbclient from a separate network namespace,
    extends the share, ends the user's connection, and removes everything again.
    """
    host = invocation.changing()
    invocation.doors.require_client()
    steps = Steps(invocation)
    played = Demo(
        host=host,
        config=invocation.config,
        files=MarkerFile(invocation.config.state_dir.resolve()),  # it follows no links itself
        steps=steps,
        open_client=invocation.doors.open_client,
        delete_line=invocation.command("server", "delete", SERVER, "--with-shares"),
    )
    kept = played.run(keep=keep)

    def tell() -> None:
        invocation.out.lines("", f"{len(steps.done)} steps in {steps.seconds:.2f} s: all as it should be")
        if kept is not None:
            _tell_kept(invocation, kept, played.delete_line)

    invocation.out.answer(_document(steps, kept), tell)


def _document(steps: Steps, kept: Kept | None) -> dict[str, object]:
    target = kept.target if kept is not None else None
    return {
        "steps": [
            {"step": step.key, "text": step.text, "seconds": round(step.seconds, 3)} for step in steps.done
        ],
        "seconds": round(steps.seconds, 3),
        "kept": kept is not None,
        "server": SERVER if kept is not None else None,
        "share": target.share if target is not None else None,
        "user": target.user if target is not None else None,
        "password": target.password.reveal() if target is not None else None,
        "export_locations": [rf"\\{target.host}\{target.share}"] if target is not None else [],
    }


def _tell_kept(invocation: Invocation, kept: Kept, delete_line: str) -> None:
    target = kept.target
    mount = shell(
        "mount",
        "-t",
        "cifs",
        "-o",
        f"username={target.user},seal,vers=3.1.1",
        f"//{target.host}/{target.share}",
        "/mnt",
    )
    invocation.out.lines("", "kept, for a look around from this host:")
    invocation.out.fields(
        [
            ("  password", f"{target.password.reveal()} ({target.user}'s)"),
            ("  try", smbclient_line(target.host, target.share, target.user)),
            ("  mount", mount),
            ("  look", invocation.command("server", "show", SERVER)),
            ("  remove", delete_line),
        ]
    )
