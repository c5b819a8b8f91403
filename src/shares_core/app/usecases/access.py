"""Who may use a share: allow, deny, list, replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from attrs import evolve, frozen

from shares_core.app.leases import Leases
from shares_core.app.lifecycle.publish import publish
from shares_core.app.operations.grant_access import GrantAccess
from shares_core.app.operations.perform import begun, perform
from shares_core.app.operations.restrict_access import RestrictAccess
from shares_core.app.operations.work import ServerWork
from shares_core.app.usecases.accounts import change_password
from shares_core.domain.access import (
    AccessLevel,
    AccessRule,
    Principal,
    intersection,
    raised,
    restricted,
    rule_set,
    with_rule,
    without_principal,
)
from shares_core.domain.checks import require
from shares_core.domain.errors import BackendFailure
from shares_core.domain.exports import Export
from shares_core.domain.names import UserName
from shares_core.domain.secret import Secret, require_secret
from shares_core.domain.views import AccessView, PasswordOutcome
from shares_core.ports import Ports


@frozen
class Access:
    """The use cases about access rules. Every one may raise NotFound, BackendFailure and Busy."""

    _ports: Ports
    _leases: Leases

    def allow(
        self,
        server: str,
        share: str,
        user: str,
        level: AccessLevel | None = None,
        password: Secret | None = None,
        *,
        reconnect: bool = False,
    ) -> AccessView:
        """Let a user read, or read and write. Replaces the user's former rule.

        ``share`` may also be an exported snapshot, ``SHARE@SNAPSHOT``: it can only be read. Without ``level``
        the user may do all that is possible there.
        An unknown user gets an account. A given password is set, which ends the user's sessions; otherwise an
        existing user keeps the present password and a new user gets a generated one, returned only once.
        Lowering a level takes effect on open connections before the call returns. Raising it does not: the
        view counts those that this call has not reached, and ``reconnect`` closes the share on all of the
        user's, with what is open there, so that they come back with the new level. Raises InvalidInput,
        AlreadyExists (a user whose name differs only in case), ShareFailed. Idempotent; after an error, what
        was granted is undone.
        """
        require_secret(password)
        UserName(user)
        if level is not None:
            AccessLevel.parse(level)
        with self._settled(server, share) as (held, found):
            rule = AccessRule.for_user(user, level or found.highest)
            found.check((rule,))
            known = held.server.find_account(rule.principal.name) is not None
            if known and password is not None:
                change_password(held, rule.principal.name, password)
            given = {rule.principal.name: password} if password is not None else {}
            made = self._change(held, found, with_rule(found.rules, rule), given)
            if reconnect:
                publish(self._ports, held.server)  # perhaps a former release's accounts are in force
            view = _view(held, found, rule, made, changed=password is not None)
        return self._reached(found, [view], reconnect=reconnect)[0]

    def deny(self, server: str, share: str, user: str) -> bool:
        """Remove a user's rule, and end the user's open connections to the share before returning.

        Returns whether there was a rule. The account stays. It does not wait for operations on the share, and
        only goes forward: the next call carries a half-done deny on. Raises InvalidInput, and NotFound for a
        user that the server does not know.
        """
        with self._leases.server(server) as held:
            found = held.server.export(share)
            principal = Principal(held.server.account(user).name)
            rules = without_principal(found.rules, principal)
            self._change(held, found, rules, {})
            return rules != found.rules

    def list(self, server: str, share: str) -> tuple[AccessRule, ...]:
        """List the rules of the share or exported snapshot by the users' names. Raises InvalidInput."""
        return self._leases.find(server).export(share).rules

    def replace(
        self,
        server: str,
        share: str,
        rules: Iterable[AccessRule],
        passwords: Mapping[str, Secret] | Mapping[UserName, Secret] | None = None,
        *,
        reconnect: bool = False,
    ) -> tuple[AccessView, ...]:
        """Make these the share's only rules: first revoke what they do not grant, then grant the rest.

        ``passwords``, by the users' names, are for users who are new to the server; others keep theirs. A new
        user without one gets a generated one, returned only once. Raises as ``allow`` does, and before
        changing anything if the rules contradict each other.
        """
        wanted = rule_set(rules)
        given = _by_rule(passwords or {}, wanted)
        with self._settled(server, share) as (held, found):
            found.check(wanted)
            made = self._change(held, found, wanted, given)
            if reconnect:
                publish(self._ports, held.server)
            views = [_view(held, found, rule, made) for rule in wanted]
        return self._reached(found, views, reconnect=reconnect)

    @contextmanager
    def _settled(self, server: str, share: str) -> Iterator[tuple[ServerWork, Export]]:
        """Hold the server's lock while nothing is under way on the share. Raises NotFound, ShareFailed."""
        named = self._leases.find(server).export(share).share.name
        with self._leases.settled(server, named) as held:
            found = held.server.export(share)
            found.require_usable()
            yield held, found

    def _reached(
        self, former: Export, views: Sequence[AccessView], *, reconnect: bool
    ) -> tuple[AccessView, ...]:
        """The views with how many connections a raised level has not reached; nobody waits for that.

        Asked to ``reconnect``, none: it closes the share for everyone in ``views`` who had access before, as
        an earlier call may have raised the level without. The rules are in force, and what is told only once
        is in the views: so a server that does not answer makes the number unknown, and is no error.
        """
        sessions, rules = self._ports.smb_sessions, [view.rule for view in views]
        known = {rule.principal for rule in former.rules}
        if reconnect:
            users = tuple(rule.principal.name for rule in rules if rule.principal in known)
        else:
            users = tuple(principal.name for principal in raised(former.rules, rules))
        if not users:
            return tuple(views)
        server = views[0].server
        left: Mapping[UserName, int | None] = dict.fromkeys(users)
        with suppress(BackendFailure):
            if reconnect:
                sessions.close_user(server, former.name, users)
                left = {}
            else:
                left = sessions.connections(server, former.name, users)
        return tuple(evolve(view, stale_connections=left.get(view.rule.principal.name, 0)) for view in views)

    def _change(
        self,
        held: ServerWork,
        export: Export,
        rules: tuple[AccessRule, ...],
        passwords: Mapping[UserName, Secret],
    ) -> dict[UserName, Secret | None]:
        """Go from its rules to these. Returns the new accounts, with generated passwords."""
        names = [rule.principal.name for rule in rules]
        new = [name for name in names if held.server.find_account(name) is None]
        lowest = intersection(export.rules, rules)
        if lowest != export.rules:
            self._restrict(held, export, lowest)
        if lowest == rules:
            return {}
        generated = {name: self._ports.ids.new_password() for name in new if name not in passwords}
        self._grant(held, export, rules, {name: passwords.get(name) or generated[name] for name in new})
        return {name: generated.get(name) for name in new}

    def _restrict(self, held: ServerWork, export: Export, rules: tuple[AccessRule, ...]) -> None:
        users = tuple(principal.name for principal in restricted(export.rules, rules))
        operation = RestrictAccess(**begun(self._ports), export_id=export.id, users=users)
        held.journal(operation, held.server.with_rules(export.id, rules))
        perform(held)

    def _grant(
        self,
        held: ServerWork,
        export: Export,
        rules: tuple[AccessRule, ...],
        new: Mapping[UserName, Secret],
    ) -> None:
        now, digest = self._ports.clock.now(), self._ports.secrets.digest
        held.hashes = {name: digest(secret, now) for name, secret in new.items()}
        operation = GrantAccess(**begun(self._ports), export_id=export.id, rules=rules, accounts=tuple(new))
        held.journal(operation)
        perform(held)


def _view(
    held: ServerWork,
    export: Export,
    rule: AccessRule,
    made: Mapping[UserName, Secret | None],
    *,
    changed: bool = False,
) -> AccessView:
    name = rule.principal.name
    generated = made.get(name)
    if generated is not None:
        outcome = PasswordOutcome.GENERATED
    else:
        outcome = PasswordOutcome.SET if changed or name in made else PasswordOutcome.KEPT
    return AccessView(
        held.server, held.server.export(export.name), rule, outcome, generated, state=held.found
    )


def _by_rule(
    passwords: Mapping[str, Secret] | Mapping[UserName, Secret], rules: Iterable[AccessRule]
) -> dict[UserName, Secret]:
    """The passwords by the names in the rules, which may differ in case. Raises InvalidInput."""
    require(passwords, Mapping, "passwords", hint="give them by name: {'ada': Secret('...')}")
    for password in passwords.values():
        require(password, Secret, "a password", hint="wrap it: Secret('...')")
    names = {rule.principal.name.key: rule.principal.name for rule in rules}
    by_key = {
        (name if isinstance(name, UserName) else UserName(name)).key: password
        for name, password in passwords.items()
    }
    return {names[key]: password for key, password in by_key.items() if key in names}
