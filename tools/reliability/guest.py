"""The campaigns that need a whole host: kills on logical volumes, and repeated power cuts."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

import tools.guest.__main__ as guest
from tests.reliability.kills import MOMENTS
from tools.guest.plan import Boot, Phase
from tools.reliability.campaigns import Figures, Named
from tools.reliability.results import Store

_CUTS = 3
#: Pytest's expression for the tests of each kind of volume: "thin" alone would also match "nothing".
_KINDS = {"thick": "thick", "thin": "not thick"}
_LIMIT_MINUTES = "150"
_KILLS = "tests/integration/test_kills_on_volumes.py"
_PROPERTY = re.compile(r'<property name="([a-z]+)" value="(\d+)"')


def seeds(first: int) -> list[int]:
    """Each seed kills a call at another moment, on the same kind of volume."""
    return [first + len(_KINDS) * turn for turn in range(len(MOMENTS))]


def volumes(turn: int, store: Store) -> Figures:
    """One kill in each call, at one of its three moments, on thick and thin volumes in turn."""
    settings = (f"SHARES_CORE_TEST_SEED={seeds(store.seed)[turn]}", "SHARES_CORE_TEST_EVERY_CALL=1")
    phases = tuple(
        Phase(f"kills-{kind}", (_KILLS,), ("-k", tests), settings=settings) for kind, tests in _KINDS.items()
    )
    counted = _run(((phases,),))
    tried, kills = counted["tried"], counted["kills"]
    return {"operations": tried, "kills": kills, "too_short": tried - kills, "losses": 0}


def cuts(store: Store) -> Figures:
    """Check everything after each cut, and begin the next storm."""
    before = [
        Phase(
            f"before-cut-{n}",
            ("tests/system/powercut/before",),
            cut=True,
            settings=(f"SHARES_CORE_TEST_SEED={store.seed + n}",),
        )
        for n in range(_CUTS)
    ]
    after = [Phase(f"after-cut-{n}", ("tests/system/powercut/after",)) for n in range(_CUTS)]
    between = [((after[n],), (before[n + 1],)) for n in range(_CUTS - 1)]
    counted = _run((((before[0],),), *between, ((after[-1],),)))
    return counted | {"cuts": _CUTS, "losses": 0}


def _run(boots: Sequence[Boot]) -> Counter[str]:
    """The counts of the tests in the guest.

    Raises AssertionError if one found something; its output says what.
    """
    status = guest.run(boots, _LIMIT_MINUTES)
    assert status == 0, "the guest's tests failed"
    counted: Counter[str] = Counter()
    for path in guest.RESULTS.glob("junit-*.xml"):
        for name, value in _PROPERTY.findall(path.read_text()):
            counted[name] += int(value)
    return counted


GUEST_CAMPAIGNS = (
    *(
        Named(
            f"volumes-{turn + 1}",
            f"on logical volumes, in a guest: a kill at every port call, at the {which} of its three moments",
            partial(volumes, turn),
        )
        for turn, which in enumerate(("first", "second", "third"))
    ),
    Named("cuts", "on logical volumes, in a guest: power cuts amid callers and clients", cuts),
)
