"""The state machine: every use case, in any order, with any faults, compared with the model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.unit.machine import operations as ops
from tests.unit.machine.driver import Driver
from tests.unit.machine.model import UNTOLD
from tests.unit.machine.operations import Operation
from tests.unit.machine.profiles import profile
from tests.unit.machine.troubles import Trouble, troubles
from tests.unit.world import RO, RW

from shares_core.domain.capacity import MIB, Capacity
from shares_core.domain.pools import SnapshotWay
from shares_core.domain.share import FileSystemKind
from shares_core.testing import MemoryHost, SmbRefused

# Some come more often, so that most calls find something.
SERVERS = st.sampled_from(["a", "a", "b", "c"])
SHARES = st.sampled_from(["x", "x", "y", "x@s"])
USERS = st.sampled_from(["ada", "ada", "bob"])
SIZES = st.sampled_from([16 * MIB, 24 * MIB, 24 * MIB + 100, 48 * MIB])
POOL = Capacity(144 * MIB)
OPERATIONS = ops.drawn(SERVERS, SIZES, st.sampled_from([None, "one", "two"]))


class Tenants(RuleBasedStateMachine):
    """Three tenants at most, on a host whose pool holds the shares of about two."""

    @initialize(online=st.booleans(), lagging=st.booleans(), way=st.sampled_from(SnapshotWay))
    def a_host(self, online: bool, lagging: bool, way: SnapshotWay) -> None:
        grows = [FileSystemKind.EXT4] if online else []
        self.driver = Driver(MemoryHost(pool_size=POOL, online_grow=grows, lagging=lagging, snapshot_way=way))
        self.driver.run(ops.create_server("a", "default"))
        self.driver.run(ops.create_share("a", "x", 16 * MIB))
        self.driver.run(ops.allow("a", "x", "ada", RW, "one"))

    # -- what happens to hosts

    @rule(reconciled=st.booleans())
    def reboot(self, reconciled: bool) -> None:
        self.driver.shock(None)
        if reconciled:
            self.driver.settle()

    @rule(server=SERVERS, reconciled=st.booleans())
    def container_dies(self, server: str, reconciled: bool) -> None:
        self.driver.shock(server)
        if reconciled:
            self.driver.settle()

    @rule()
    def an_image_is_built(self) -> None:
        self.driver.build_image()

    @rule()
    def settle(self) -> None:
        self.driver.settle()

    # -- clients

    @rule(server=SERVERS, user=USERS, share=SHARES, data=st.sampled_from([b"1", b"22"]))
    def connect(self, server: str, user: str, share: str, data: bytes) -> None:
        """A client writes if it may, and keeps the file open."""
        passwords = [
            model.servers[server].passwords.get(user, UNTOLD)
            for model in self.driver.possible
            if server in model.servers
        ]
        with suppress(SmbRefused, KeyError):
            for password in passwords:
                session = self.driver.watch.connect(server, user, password)
                opened = session.open(share, name=user, write=session.level(share) is not RO)
                if opened.writable:
                    opened.write(data)
                    self.driver.wrote(server, share, user, data)

    @precondition(lambda self: self.driver.machine.sessions)
    @rule(data=st.data())
    def disconnect(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self.driver.machine.sessions)).end()

    @invariant()
    def everybody_gets_what_was_granted(self) -> None:
        """A user with a rule and a password is admitted, and can do exactly what the rule says."""
        model = self.driver.certain
        for name, server in model.servers.items() if model is not None else ():
            if not server.running or not self.driver.serves(name):
                continue
            for user, password in server.passwords.items():
                if password == UNTOLD:
                    continue
                session = self.driver.watch.connect(name, user, password)
                for share, kept in server.exports.items():
                    assert kept.rules.get(user) == session.level(share)
                session.end()

    def teardown(self) -> None:
        """However it ends, one reconcile makes the host agree with what was promised."""
        if hasattr(self, "driver"):
            self.driver.settle()


def _use_case(path: str, drawn: st.SearchStrategy[Operation]) -> Callable[..., None]:
    """Each change has its own rule, so that none comes more often than another."""

    def run(self: Tenants, operation: Operation, trouble: Trouble, again: bool) -> None:
        self.driver.run(operation, trouble, again=again)

    run.__name__ = path.replace(".", "_")
    return rule(operation=drawn, trouble=troubles(), again=st.booleans())(run)


for _path, _drawn in OPERATIONS.items():
    setattr(Tenants, _path.replace(".", "_"), _use_case(_path, _drawn))

TestTenants = Tenants.TestCase
TestTenants.settings = profile()
