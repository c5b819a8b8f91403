"""A compromised smbd against what empties the recycle bins, which runs as the same user.

What clients cannot plant, an intruder can: links, pipes, any name, and anything in a bin's place.
"""

from __future__ import annotations

import pytest

from shares_core import Capacity
from tests.integration.conftest import Tenant
from tests.integration.support.bins import Bin, running
from tests.integration.support.intruder import Intruder, impostor, in_time
from tests.testkit.probes import until

_NAMES = r"""
ln -s {other} link; ln -s {other}/precious two; ln -s . self; ln -s /etc/passwd three; mkfifo pipe
for name in $'a\nb' $'\xff\xfe' '-delete' ' lead' '$(id)' '*' "'"; do : >"./$name"; done
mkdir -p deep; cd deep; for n in {{1..200}}; do mkdir d; cd d; done; : >bottom
"""


@pytest.fixture
def other(tenant: Tenant, intruder: Intruder) -> Bin:
    """The bin of another share of the server, with a file, and a file in the share itself."""
    tenant.site.host.shares.create(tenant.server, "other", Capacity.parse("16MiB"))
    made = Bin(intruder, "other")
    made.set_to(30)
    intruder.succeeds(f"mkdir {made.path}; : >{made.path}/kept; : >{made.served}/precious")
    return made


def _is_whole(other: Bin) -> bool:
    return other.files() == ["kept"] and other.inside.sh(f"[ -f {other.served}/precious ]")[0] == 0


def test_nothing_outside_its_bin_is_emptied(intruder: Intruder, other: Bin) -> None:
    """Links are removed and not followed; names are only names."""
    emptied = Bin(intruder)
    emptied.set_to(1)
    intruder.succeeds(f"mkdir {emptied.path}; cd {emptied.path}\n" + _NAMES.format(other=other.served))
    with emptied.emptied(0, cleared=int(intruder.succeeds("date +%s"))):
        assert until(lambda: emptied.files() == [])
    assert _is_whole(other)


@pytest.mark.parametrize("planted", ["ln -s {other}", "ln -s {bin}", ": >", "mkfifo", "mkdir -m 0"])
def test_a_bin_that_is_something_else_is_left_alone(intruder: Intruder, other: Bin, planted: str) -> None:
    """And counts as empty."""
    emptied, host = Bin(intruder), intruder.site.host
    emptied.set_to(1)
    intruder.succeeds(f"{planted.format(other=other.served, bin=other.path)} {emptied.path}")
    with emptied.emptied(1), in_time():
        shown = host.shares.show(intruder.server, "files").recycled
        assert shown is not None
        assert 0 == shown.files
        emptied.set_to(False)
    assert _is_whole(other)


@pytest.mark.parametrize("agent", ["with the agent", "without the agent"])
def test_what_empties_the_bins_comes_back(intruder: Intruder, agent: str) -> None:
    """With the next request of the host: the agent starts it, or, if that is gone, a look at the bin."""
    emptied, host = Bin(intruder), intruder.site.host
    emptied.set_to(30)
    assert until(lambda: len(running(intruder)) == 1)
    (former,) = running(intruder)
    if agent == "without the agent":
        intruder.kill_agent()
    intruder.succeeds(f"kill -KILL {former}")
    assert host.shares.show(intruder.server, "files").recycled is not None
    assert until(lambda: [former] != running(intruder) != [])


def test_a_sighup_does_not_end_what_empties_the_bins(intruder: Intruder) -> None:
    """It is for smbd, which reloads."""
    emptied = Bin(intruder)
    emptied.set_to(30)
    assert until(lambda: len(running(intruder)) == 1)
    (pid,) = running(intruder)
    intruder.succeeds(f"kill -HUP {pid}")
    intruder.succeeds(f"mkdir -p {emptied.path}; : >{emptied.path}/file")
    emptied.set_to(False)
    assert until(lambda: emptied.files() == [])
    assert [pid] == running(intruder)


@pytest.mark.parametrize(
    "does",
    [
        "exec 4> $answer; echo $name begun >&4; sleep 100",
        "{ echo $name begun; yes; } > $answer",
        *(
            f"printf '%s begun\\n{said}\\n\\n%s complaints\\n\\n%s ended 0\\n' $name $name $name > $answer"
            for said in ("", "-1 1 kept", f"{2**63} 1 kept", "1 1 kept\\n1 1 kept")
        ),
    ],
)
def test_what_a_bin_holds_is_bounded_whatever_an_intruder_says(intruder: Intruder, does: str) -> None:
    """In time and size: the share is shown without it. With numbers that could be true it may lie."""
    emptied, host = Bin(intruder), intruder.site.host
    emptied.set_to(30)
    with impostor(intruder, does), in_time(20):
        shown = host.shares.show(intruder.server, "files")
    assert (None, False) == (shown.recycled, shown.usage is None)
