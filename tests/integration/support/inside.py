"""Commands run inside a container, through Docker."""

from __future__ import annotations

import docker


def executed(api: docker.APIClient, container: str, *argv: str) -> tuple[int, str, str]:
    """Run a command: its exit status, and its output on each of the two streams.

    Never as one text: pieces of standard error arrive even in the middle of a line of the other.
    """
    created = api.exec_create(container, list(argv))
    said = api.exec_start(created["Id"], demux=True)
    out, errors = ((part or b"").decode(errors="replace") for part in said)
    return int(api.exec_inspect(created["Id"])["ExitCode"]), out, errors
