"""How long to search. The suite's default is what CI runs: always the same examples.

``--hypothesis-profile=nightly`` is what ``./dev nightly`` runs, ten times as many examples and different ones
each time; ``./dev unit tests/unit/machine --hypothesis-profile=long`` searches on; ``quick`` is for while one
works.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

CI = settings(
    max_examples=300,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
QUICK = settings(CI, max_examples=25, derandomize=False)
NIGHTLY = settings(CI, max_examples=3000, derandomize=False)
LONG = settings(CI, max_examples=20_000, derandomize=False)
_PROFILES = {"quick": QUICK, "nightly": NIGHTLY, "long": LONG}

for _name, _profile in _PROFILES.items():
    settings.register_profile(_name, _profile)


def profile() -> settings:
    """The requested profile. Profiles with other names are not for this suite."""
    return _PROFILES.get(settings.get_current_profile_name(), CI)
