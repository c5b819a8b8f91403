"""A compromised smbd in place of the agent that the host asks to end connections.

Whatever it answers, a deny that returns has taken effect, unless the whole answer is a lie.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shares_core import BackendFailure
from shares_core.adapters.containers import processes
from tests.integration.conftest import Tenant
from tests.integration.support.held import SHARE_CLOSED, Held
from tests.integration.support.intruder import Intruder, impostor, in_time, refused

OK = "NT_STATUS_OK"
DENIED = "NT_STATUS_ACCESS_DENIED"

#: What an impostor does with a request's name, $name, and the FIFO for its answer, $answer.
_LIE = "settled\\nsession-number 0\\n"
NO_ANSWER = {
    "not at all": ":",
    "breaking off": "echo $name begun > $answer",
    "late": "sleep 4; printf '%s begun\\n' $name > $answer",
    "without the request's name": f"printf '{_LIE}' > $answer",
    "with another's": f"n=${{name//[0-9]/0}}; printf '%s begun\\n{_LIE}\\n%s ended 0\\n' $n $n > $answer",
}
BAD_ANSWER = {
    "never to the end": ("exec 4> $answer; echo $name begun >&4; sleep 10", "does not end in 2 s"),
    "endlessly": ("{ echo $name begun; yes; } > $answer", "says too much"),
    "without a proof": (
        "printf '%s begun\\nsettled\\n\\n%s complaints\\n\\n%s ended 0\\n' $name $name $name > $answer",
        "proves nothing",
    ),
}


def is_out(held: Held) -> bool:
    return (held.write, held.enter()) == (SHARE_CLOSED, DENIED)


def test_without_an_agents_answer_the_deny_is_carried_out_another_way(
    tenant: Tenant, hold: Callable[..., Held], intruder: Intruder
) -> None:
    """The answer is late, forged, an earlier request's, or missing."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    for how, does in NO_ANSWER.items():
        with impostor(intruder, does), in_time(30):
            tenant.deny("ada")
        assert (how, True, OK) == (how, is_out(ada), bob.write)
        tenant.relevel("ada")
        ada.reopen()
    intruder.kill_agent("STOP")
    tenant.deny("ada")
    assert (True, OK) == (is_out(ada), bob.write)
    intruder.kill_agent("KILL")
    tenant.deny("bob")
    assert bob.write == SHARE_CLOSED


def test_an_invalid_answer_is_an_error_in_time(
    tenant: Tenant, hold: Callable[..., Held], intruder: Intruder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never "denied" without a proof; once nothing obstructs it, the deny is carried on."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    for how, (does, said) in BAD_ANSWER.items():
        with monkeypatch.context() as patch, impostor(intruder, does):
            patch.setattr(processes, "_SECONDS", 2.0 if "does not end" in said else 30.0)
            with in_time(30), pytest.raises(BackendFailure, match=said) as raised:
                tenant.deny("ada")
            assert (how, True) == (how, "stop the server" in raised.value.hint)
        assert all(view.problem == "" for view in tenant.site.host.fleet.reconcile().servers)
        assert (how, True, OK) == (how, is_out(ada), bob.write)
        tenant.relevel("ada")
        ada.reopen()


def test_a_hangup_for_everybody_ends_no_deny(
    tenant: Tenant, hold: Callable[..., Held], intruder: Intruder
) -> None:
    """Neither the agent nor its scripts react to a SIGHUP."""
    ada, bob = hold(tenant.user("ada")), hold(tenant.user("bob"))
    with intruder.looping("kill -HUP -1; sleep 0.1"):
        for _ in range(3):
            tenant.deny("ada")
            assert (True, OK) == (is_out(ada), bob.write)
            tenant.relevel("ada")
            ada.reopen()
    intruder.kill_agent("CONT")  # which fails if there is none


def test_the_agents_folder_is_the_hosts(tenant: Tenant, intruder: Intruder) -> None:
    """Nobody inside can make, move, remove or alter anything there."""
    for command in (
        "mkfifo /config/agent/new",
        "mv /config/agent/requests /config/agent/other",
        "rm -f /config/agent/requests",
        "ln -s /etc /config/agent/link",
        "chmod 0777 /config/agent",
        "mv /config/agent /config/other",
    ):
        refused(intruder.sh(command), "Read-only file system", "Operation not permitted", "Permission denied")
