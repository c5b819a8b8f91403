"""How long to search. The whole suite's default is what CI runs: always the same examples.

``./dev unit tests/unit/machine --hypothesis-profile=long`` searches on, each time elsewhere;
``--hypothesis-profile=quick`` is for while one works.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings

CI = settings(
    max_examples=800,
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
LONG = settings(CI, max_examples=20_000, derandomize=False)

settings.register_profile("quick", QUICK)
settings.register_profile("long", LONG)


def profile() -> settings:
    """The one that was asked for. Profiles of other names are not about this suite."""
    return {"quick": QUICK, "long": LONG}.get(settings.get_current_profile_name(), CI)
