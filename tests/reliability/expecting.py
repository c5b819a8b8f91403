"""What the callers' files say must be there now: of each rule and share the last that was answered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from shares_core.domain.server import ShareServer

#: Errors that callers at the same time may get: each names what is in the way, and changes nothing.
ALLOWED = frozenset({"busy", "not_found", "already_exists"})
_RULE, _SHARE = ("server", "share", "user"), ("server", "share")


@frozen
class Told:
    """One operation as it was told; ``error`` is None where it never ended."""

    what: Mapping[str, Any]
    error: str | None
    message: str
    began: float
    ended: float


def read(folder: Path) -> Iterator[list[Told]]:
    """The operations of each caller, in their order. A line that was cut off never ended."""
    for path in sorted(folder.glob("told-*.jsonl")):
        told: dict[int, Told] = {}
        for line in path.read_text().splitlines():
            try:
                document = json.loads(line)
            except ValueError:
                continue
            if "ended" in document:
                begun = told[document["ended"]]
                told[document["ended"]] = Told(
                    begun.what, document["error"], document["message"], begun.began, document["at"]
                )
            else:
                told[document["number"]] = Told(document, None, "", document["at"], float("inf"))
        yield list(told.values())


@define
class Expected:
    """Of each rule and each share of a caller's own, what it may be: several things where it is not known."""

    rules: dict[tuple[str, ...], set[str | None]] = field(factory=dict)
    sizes: dict[tuple[str, ...], set[int | None]] = field(factory=dict)
    faults: list[str] = field(factory=list)
    count: int = 0

    @classmethod
    def after(cls, callers: Iterable[list[Told]]) -> Expected:
        expected = cls()
        for told in callers:
            for each in told:
                expected._play(each)
        return expected

    def _play(self, told: Told) -> None:
        self.count += 1
        if told.error and told.error not in ALLOWED:
            self.faults.append(f"{dict(told.what)}: {told.error}: {told.message}")
        what = told.what
        match what["verb"]:
            case "allow":
                self._becomes(self.rules, _RULE, told, what["level"])
            case "deny":
                self._becomes(self.rules, _RULE, told, None)
            case "create share" | "extend":
                self._becomes(self.sizes, _SHARE, told, what["size"])
            case "delete share":
                self._becomes(self.sizes, _SHARE, told, None)

    @staticmethod
    def _becomes(
        known: dict[tuple[str, ...], set[Any]], keys: tuple[str, ...], told: Told, value: Any
    ) -> None:
        key = tuple(told.what[each] for each in keys)
        if told.error is None:
            known.setdefault(key, {None}).add(value)
        elif not told.error:
            known[key] = {value}

    def differences(self, servers: Iterable[ShareServer]) -> list[str]:
        """What the records say otherwise."""
        rules: dict[tuple[str, ...], str] = {}
        sizes: dict[tuple[str, ...], int] = {}
        for server in servers:
            for share in server.shares:
                sizes[str(server.name), str(share.name)] = share.capacity.bytes
                for rule in share.rules:
                    user = str(rule.principal.name)
                    rules[str(server.name), str(share.name), user] = str(rule.level)
        found = [
            f"{key}: {rules.get(key)}, not {values}"
            for key, values in self.rules.items()
            if rules.get(key) not in values
        ]
        found += [
            f"{key}: {sizes.get(key)}, not {values}"
            for key, values in self.sizes.items()
            if sizes.get(key) not in values
        ]
        strange = {key for key in sizes if key[1].startswith("own-")} - self.sizes.keys()
        return found + [f"{key} is there, and nobody made it" for key in sorted(strange)]
