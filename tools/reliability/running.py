"""Run one campaign unless it was run; and its part of the page."""

import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager

from tools.reliability.campaigns import Figures, Named
from tools.reliability.results import Store


def ran(campaign: Named, store: Store, host: Callable[[], AbstractContextManager[None]]) -> bool:
    """Run it, in the ``host``'s context, unless it was run. Returns whether it found nothing wrong."""
    kept = store.load(campaign.name)
    if kept is not None and kept["done"]:
        print(f"reliability: {campaign.name}: done before, with this code and seed", flush=True)
        return True
    print(f"reliability: {campaign.name} ...", flush=True)
    began = time.monotonic()
    try:
        with host():
            figures = campaign.work(store)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what the campaign has found
        traceback.print_exception(error)
        notes = (str(error) or repr(error), *getattr(error, "__notes__", ()))
        found = " ".join(" ".join(notes).split())[:300]
        store.save(campaign.name, store.load(campaign.name) or {}, done=False, failure=found)
        return False
    store.save(campaign.name, figures, done=True)
    told = {name: value for name, value in figures.items() if name != "died"}
    print(f"reliability: {campaign.name}: {time.monotonic() - began:.0f} s, {told}", flush=True)
    return True


def told_of(campaign: Named, store: Store) -> Figures | None:
    """What the page says of it; None if it was not run, or was interrupted before it found anything."""
    kept = store.load(campaign.name)
    return kept if kept is not None and (kept["done"] or kept["failures"]) else None
