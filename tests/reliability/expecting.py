"""What must exist according to the callers' files: the last answer on each rule and share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import define, evolve, field, frozen

from shares_core.domain.server import ShareServer

#: Errors that simultaneous callers may get: each names what is in the way, and changes nothing.
BUSY = frozenset({"busy"})
#: Errors about what another caller, or this one earlier, has or has not made.
OTHERS = BUSY | {"not_found", "already_exists"}
ALLOWED = {"look": OTHERS, "deny": OTHERS, "remove user": OTHERS, "delete server": BUSY | {"not_found"}}
#: How the names of what callers make begin.
_CALLERS_OWN = ("own-", "user-")
_RULE, _SHARE, _SERVER = ("server", "share", "user"), ("server", "share"), ("server",)


@frozen
class Told:
    """One operation as reported; ``error`` is None if it never ended."""

    what: Mapping[str, Any]
    error: str | None
    message: str
    began: float
    ended: float


def read(folder: Path) -> Iterator[list[Told]]:
    """The operations of each caller, in order. A truncated line never ended."""
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
    """The possible states of each rule, and of each caller's own share and server.

    Several if it is not known.
    """

    rules: dict[tuple[str, ...], set[str | None]] = field(factory=dict)
    sizes: dict[tuple[str, ...], set[int | None]] = field(factory=dict)
    servers: dict[tuple[str, ...], set[bool | None]] = field(factory=dict)
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
        what, verb = told.what, told.what["verb"]
        if told.error and told.error not in ALLOWED.get(verb, BUSY):
            self.faults.append(f"{dict(what)}: {told.error}: {told.message}")
        match verb:
            case "allow" | "replace":
                self._becomes(self.rules, _RULE, told, what["level"])
            case "deny":
                self._becomes(self.rules, _RULE, told, None)
            case "remove user":
                self._lose_rules(told, ("server", "user"))
            case "create share" | "extend":
                self._becomes(self.sizes, _SHARE, told, what["size"])
            case "delete share":
                self._becomes(self.sizes, _SHARE, told, None)
                self._lose_rules(told, _SHARE)
            case "create server":
                self._becomes(self.servers, _SERVER, told, True)
            case "delete server":
                self._becomes(self.servers, _SERVER, told, None)

    def _lose_rules(self, told: Told, parts: tuple[str, ...]) -> None:
        """Forget all rules of that user on the server, or of that share."""
        for key in tuple(self.rules):
            what = dict(zip(_RULE, key, strict=True))
            if all(what[part] == told.what[part] for part in parts):
                self._becomes(self.rules, _RULE, evolve(told, what=what), None)

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
        """Where the records differ."""
        there: tuple[dict[tuple[str, ...], Any], ...] = ({}, {}, {})
        rules, sizes, names = there
        for server in servers:
            name = str(server.name)
            names[(name,)] = True
            for share in server.shares:
                sizes[name, str(share.name)] = share.capacity.bytes
                for rule in share.rules:
                    rules[name, str(share.name), str(rule.principal.name)] = str(rule.level)
        known: tuple[dict[tuple[str, ...], Any], ...] = (self.rules, self.sizes, self.servers)
        found = []
        for is_there, expected in zip(there, known, strict=True):
            found += [
                f"{key}: {is_there.get(key)}, not {values}"
                for key, values in expected.items()
                if is_there.get(key) not in values
            ]
            strange = {key for key in is_there if key[-1].startswith(_CALLERS_OWN)} - expected.keys()
            found += [f"{key} is there, and nobody made it" for key in sorted(strange)]
        return found
