"""Who may use a share: allow, deny, list, replace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from shares_core.app.registry import Held, Registry
from shares_core.app.serving import publish
from shares_core.app.settling import cut_off, undo_widening
from shares_core.app.users import change_password
from shares_core.domain.access import (
    AccessLevel,
    AccessRule,
    Principal,
    meet,
    narrowed,
    rule_set,
    with_rule,
    without_principal,
)
from shares_core.domain.checks import require
from shares_core.domain.intent import NarrowAccess, WidenAccess
from shares_core.domain.names import UserName
from shares_core.domain.secret import Secret, require_secret
from shares_core.domain.server import ShareServer
from shares_core.domain.share import CifsShare
from shares_core.domain.undo import undone_by
from shares_core.domain.views import AccessView, PasswordOutcome
from shares_core.ports import Ports


@frozen
class Access:
    """The use cases about access rules. Every one may raise NotFound, BackendFailure and Busy."""

    _ports: Ports
    _registry: Registry

    def allow(
        self,
        server: str,
        share: str,
        user: str,
        level: AccessLevel = AccessLevel.READ_WRITE,
        password: Secret | None = None,
    ) -> AccessView:
        """Let a user read, or read and write. Replaces the user's former rule.

        An unknown user gets an account. With a password it is set, which ends the user's sessions; without
        one an existing user keeps theirs and a new one gets a generated one, returned this once. Lowering a
        level takes effect on open connections before the call returns. Raises InvalidInput, AlreadyExists
        (a user whose name differs in case only), ShareFailed. Idempotent; what was widened is undone
        after an error.
        """
        require_secret(password)
        rule = AccessRule.for_user(user, level)
        with self._registry.hold(server) as held:
            found = held.server.share(share).require_ready()
            known = held.server.find_account(rule.principal.name) is not None
            if known and password is not None:
                change_password(held, rule.principal.name, password)
            given = {rule.principal.name: password} if password is not None else {}
            made = self._change(held, found, with_rule(found.rules, rule), given)
            return self._view(held, found, rule, made, changed=password is not None)

    def deny(self, server: str, share: str, user: str) -> bool:
        """Take a user's rule away, and end their open connections to the share before returning.

        Gives whether there was a rule. The account stays. Raises InvalidInput, and NotFound for a user that
        the server does not know. It only goes forward: a half-done deny is carried on by the next call.
        """
        with self._registry.hold(server) as held:
            found = held.server.share(share)
            principal = Principal(held.server.account(user).name)
            rules = without_principal(found.rules, principal)
            self._change(held, found, rules, {})
            return rules != found.rules

    def list(self, server: str, share: str) -> tuple[AccessRule, ...]:
        """The share's rules, by the users' names. Raises InvalidInput."""
        return self._registry.find(server).share(share).rules

    def replace(
        self,
        server: str,
        share: str,
        rules: Iterable[AccessRule],
        passwords: Mapping[str, Secret] | Mapping[UserName, Secret] | None = None,
    ) -> tuple[AccessView, ...]:
        """Make these the share's only rules: first all that is taken away goes, then the rest is given.

        ``passwords``, by the users' names, are for users who are new to the server; those of others are not
        touched. A new user without one gets a generated one, returned this once. Raises as ``allow`` does,
        and before anything has changed where the rules contradict each other.
        """
        wanted = rule_set(rules)
        given = _by_rule(passwords or {}, wanted)
        with self._registry.hold(server) as held:
            found = held.server.share(share).require_ready()
            made = self._change(held, found, wanted, given)
            return tuple(self._view(held, found, rule, made) for rule in wanted)

    def _change(
        self,
        held: Held,
        share: CifsShare,
        rules: tuple[AccessRule, ...],
        passwords: Mapping[UserName, Secret],
    ) -> dict[UserName, Secret | None]:
        """Go from the share's rules to these. Gives the accounts that were made, with generated passwords."""
        names = [rule.principal.name for rule in rules]
        new = [name for name in names if held.server.find_account(name) is None]
        lowest = meet(share.rules, rules)
        if lowest != share.rules:
            self._narrow(held, share, lowest)
        if lowest == rules:
            return {}
        generated = {name: self._ports.ids.new_password() for name in new if name not in passwords}
        self._widen(held, share, rules, {name: passwords.get(name) or generated[name] for name in new})
        return {name: generated.get(name) for name in new}

    def _narrow(self, held: Held, share: CifsShare, rules: tuple[AccessRule, ...]) -> None:
        users = tuple(principal.name for principal in narrowed(share.rules, rules))
        held.save(held.server.with_share(share.with_rules(rules)).intending(NarrowAccess(share.id, users)))
        cut_off(self._ports, held.server, share.id, users)
        held.save(held.server.intending(None))

    def _widen(
        self,
        held: Held,
        share: CifsShare,
        rules: tuple[AccessRule, ...],
        new: Mapping[UserName, Secret],
    ) -> None:
        before = held.server
        wider = before.with_share(share.with_rules(rules))
        for name in new:
            wider = wider.with_account(name)
        now = self._ports.clock.now()
        widening = WidenAccess(share.id, rules, tuple(new))
        with undone_by(lambda: self._undo_widening(held, before, widening)):
            held.save(before.intending(widening))
            self._ports.secrets.put(
                before.id, {name: self._ports.secrets.digest(secret, now) for name, secret in new.items()}
            )
            publish(self._ports, wider)
            held.save(wider)

    def _undo_widening(self, held: Held, before: ShareServer, widening: WidenAccess) -> None:
        held.save(before.intending(widening))
        undo_widening(self._ports, before, widening)
        held.save(before)

    def _view(
        self,
        held: Held,
        share: CifsShare,
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
        return AccessView(held.server, held.server.share(share.name), rule, outcome, generated, held.found)


def _by_rule(
    passwords: Mapping[str, Secret] | Mapping[UserName, Secret], rules: Iterable[AccessRule]
) -> dict[UserName, Secret]:
    """The passwords by the rules' own names: their case does not tell users apart. Raises InvalidInput."""
    require(passwords, Mapping, "passwords", hint="give them by name: {'ada': Secret('...')}")
    for password in passwords.values():
        require(password, Secret, "a password", hint="wrap it: Secret('...')")
    names = {rule.principal.name.key: rule.principal.name for rule in rules}
    by_key = {
        (name if isinstance(name, UserName) else UserName(name)).key: password
        for name, password in passwords.items()
    }
    return {names[key]: password for key, password in by_key.items() if key in names}
