"""``shares-core image``: the image of the share servers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from shares_core.entrypoints.cli.framework import Group
from shares_core.entrypoints.cli.invocation import Invocation, pass_invocation
from shares_core.entrypoints.cli.output import moving_line, on_terminal
from shares_core.entrypoints.cli.text import printable


@click.group(cls=Group)
def image() -> None:
    """The image of the share servers."""


@image.command("build")
@click.option("--fresh", is_flag=True, help="Build it anew, to take in Debian's security updates.")
@pass_invocation
def build(invocation: Invocation, fresh: bool) -> None:
    """Build the image; quick if it exists already.

    Running servers get a new image by 'server upgrade' or 'reconcile'. If no registry answers, the base image
    is first made from Debian's packages.
    """
    builder = invocation.doors.image_builder(invocation.config)
    name = invocation.config.docker.image
    began = time.monotonic()
    with _progress(invocation) as progress:
        built = builder.build(progress, fresh=fresh)
    took = time.monotonic() - began
    invocation.out.answer(
        {"image": name, "built": built, "seconds": round(took, 1)},
        lambda: invocation.out.lines(
            f"image {name} was built in {took:.1f} s" if built else f"image {name} is current"
        ),
    )


@contextmanager
def _progress(invocation: Invocation) -> Iterator[Callable[[str], None]]:
    """Where progress goes: a moving line on a terminal, otherwise plain lines; with --json only with -v."""
    if invocation.out.json:
        yield invocation.chat
    elif on_terminal() and not invocation.verbose:
        with moving_line("building the image ...") as change:
            yield change
    else:
        yield lambda line: invocation.out.lines(printable(line))
