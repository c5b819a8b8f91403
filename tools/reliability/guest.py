"""The campaign that takes a whole host: kills on logical volumes, then the power is cut, again and again."""

import re
from typing import Any

import tools.guest.__main__ as guest
from tools.guest.plan import Boot, Phase
from tools.reliability.campaigns import Figures, Named
from tools.reliability.results import Store

_CUTS = 3
_LIMIT_MINUTES = "150"
_KILLS = "tests/integration/test_kills_on_volumes.py"
_PROPERTY = re.compile(r'<property name="([a-z]+)" value="(\d+)"')


def _boots(seed: int) -> tuple[Boot, ...]:
    """The kills and the first storm; after each cut what is there is looked at, and the next storm begins."""
    every = (f"SHARES_CORE_TEST_SEED={seed}", "SHARES_CORE_TEST_EVERY_CALL=1")
    kills = tuple(
        Phase(f"kills-{kind}", (_KILLS,), ("-k", kind), settings=every) for kind in ("thick", "thin")
    )
    before = [
        Phase(
            f"before-cut-{n}",
            ("tests/powercut/before",),
            cut=True,
            settings=(f"SHARES_CORE_TEST_SEED={seed + n}",),
        )
        for n in range(_CUTS)
    ]
    after = [Phase(f"after-cut-{n}", ("tests/powercut/after",)) for n in range(_CUTS)]
    between = [((after[n],), (before[n + 1],)) for n in range(_CUTS - 1)]
    return ((kills, (before[0],)), *between, ((after[-1],),))


def cuts(store: Store) -> Figures:
    """Raises AssertionError where the guest found something; its output has told what."""
    status = guest.run(_boots(store.seed), _LIMIT_MINUTES)
    assert status == 0, "the guest's tests failed"
    counted: dict[str, Any] = {"kills": 0, "operations": 0, "written": 0}
    for path in guest.RESULTS.glob("junit-*.xml"):
        for name, value in _PROPERTY.findall(path.read_text()):
            counted[name] += int(value)
    counted["operations"] += counted["kills"]
    return counted | {"cuts": _CUTS, "losses": 0}


GUEST_CAMPAIGNS = (
    Named("cuts", "on logical volumes, in a guest: kills, then power cuts amid callers and clients", cuts),
)
