"""What happens in the middle of a copy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shares_core import Host, bootstrap
from shares_core.testing import Call
from shares_core.testing.faults import intercept


def meanwhile(host: Host, work: Callable[[], object]) -> Host:
    """The same host; ``work`` happens in the middle of its next copy, once."""
    pending = [work]

    def watching(call: Call, proceed: Callable[[], Any]) -> Any:
        if str(call) == "progress.report" and pending:
            pending.pop()()
        return proceed()

    return bootstrap.host(intercept(host.servers._ports, watching), host.servers._default_network)
