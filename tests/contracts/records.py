"""What every keeper of records does."""

from __future__ import annotations

from abc import abstractmethod

import pytest
from attrs import evolve

from shares_core.app.operations.end_sessions import EndSessions
from shares_core.domain.addresses import BridgeName, MacAddress, parse_gateway, parse_interface_address
from shares_core.domain.attachment import BridgeAttachment
from shares_core.domain.claim import Claim
from shares_core.domain.errors import RecordUnreadable
from shares_core.domain.names import ServerName, UserName
from shares_core.domain.network import Interface
from shares_core.domain.server import DesiredState, ShareServer
from tests.contracts.operations import extending, server_operations
from tests.contracts.values import UID, new_server, new_share, with_rules
from tests.contracts.world import World


class RecordsWorld(World):
    """A host whose records can be damaged."""

    @abstractmethod
    def damage_record(self, server_id: str) -> None:
        """Make the record unreadable."""

    @abstractmethod
    def half_saved(self, server: ShareServer) -> None:
        """What a ``save`` leaves if it is killed before its effect."""

    @abstractmethod
    def record_traces(self, server_id: str) -> object:
        """Whatever exists of the server's record, in a comparable form; false if nothing."""


class RecordsContract:
    """The suite of ``ports.records``."""

    def test_a_saved_record_is_loaded(self, world: RecordsWorld) -> None:
        """With everything; another process sees it too."""
        records = world.ports.records
        server = with_rules(
            new_server(world.new_id(), users=["ada"]).with_share(new_share("1" * 12, "2" * 12)),
            "files",
            ada="ro",
        )
        share = server.share("files")
        server = server.with_share(share.beginning(extending(share.id)))
        server = evolve(
            server,
            desired=DesiredState.STOPPED,
            operation=EndSessions(id="1" * 12, since=1, user=UserName("ada")),
        )
        assert records.load(server.id) is None
        records.save(server)
        records.save(server)
        assert server == records.load(server.id)
        assert (server,) == records.load_all()

    def test_a_record_is_replaced_as_a_whole(self, world: RecordsWorld) -> None:
        """Nothing of the former one shows through."""
        records = world.ports.records
        former = new_server(world.new_id(), users=["ada", "bob"])
        records.save(former)
        records.save(new_server(former.id, "renamed"))
        assert new_server(former.id, "renamed") == records.load(former.id)

    def test_a_server_is_found_by_its_name(self, world: RecordsWorld) -> None:
        """In any case, and by its present name."""
        records = world.ports.records
        assert records.find(ServerName("tenant")) is None
        server, other = new_server(world.new_id(), "Tenant.1"), new_server(world.new_id(), "tenant")
        records.save(server)
        records.save(other)
        for name in ("Tenant.1", "tenant.1", "TENANT.1"):
            assert server == records.find(ServerName(name))
        assert other == records.find(ServerName("TENANT"))
        assert records.find(ServerName("tenant.2")) is None
        renamed = new_server(server.id, "tenant.2")
        records.save(renamed)
        assert (renamed, None) == (records.find(ServerName("tenant.2")), records.find(ServerName("tenant.1")))
        records.remove(server.id)
        assert records.find(ServerName("tenant.2")) is None

    def test_another_server_can_take_a_former_name(self, world: RecordsWorld) -> None:
        """After a renaming or a removal."""
        records = world.ports.records
        former = new_server(world.new_id(), "files")
        records.save(former)
        records.save(new_server(former.id, "archive"))
        later = new_server(world.new_id(), "Files")
        records.save(later)
        assert later == records.find(ServerName("files"))
        records.remove(later.id)
        last = new_server(world.new_id(), "files")
        records.save(last)
        assert last == records.find(ServerName("files"))

    def test_every_server_claims_what_no_other_may_have(self, world: RecordsWorld) -> None:
        """Its name, user id and interfaces; and the kind of its operation."""
        records = world.ports.records
        assert () == records.claims()
        (operation, *_) = server_operations("5" * 12)
        interface = Interface(
            "6" * 12,
            BridgeAttachment(BridgeName("br-a")),
            (parse_interface_address("10.0.0.5/24"), parse_interface_address("fd00:a::5/64")),
            MacAddress("02:00:00:aa:bb:cc"),
            1450,
            gateways=(parse_gateway("10.0.0.1"),),
            isolated=True,
        )
        idle = new_server(world.new_id(), "idle").with_share(new_share("1" * 12, "2" * 12))
        busy = evolve(new_server(world.new_id(), "busy"), uid=UID + 1, interfaces=(interface, interface))
        for server in (idle, busy, busy.performing(operation)):
            records.save(server)
        assert {
            Claim(idle.id, idle.name, UID, ()),
            Claim(busy.id, busy.name, UID + 1, (interface, interface), operation.kind),
        } == set(records.claims())
        records.remove(busy.id)
        assert (idle.claim,) == records.claims()

    def test_records_come_in_the_order_of_names(self, world: RecordsWorld) -> None:
        """In any case."""
        records = world.ports.records
        assert () == records.load_all()
        for name in ("b", "C", "a"):
            records.save(new_server(world.new_id(), name))
        found = [str(record.name) for record in records.load_all() if isinstance(record, ShareServer)]
        assert ["a", "b", "C"] == found

    def test_a_removed_record_is_gone_and_removing_the_absent_succeeds(self, world: RecordsWorld) -> None:
        """Other records stay, and no trace is left."""
        records = world.ports.records
        gone, kept = new_server(world.new_id()), new_server(world.new_id(), "kept")
        records.remove(gone.id)
        for server in (gone, kept):
            records.save(server)
        records.remove(gone.id)
        records.remove(gone.id)
        assert (None, (kept,)) == (records.load(gone.id), records.load_all())
        assert not world.record_traces(gone.id)

    def test_a_half_done_save_leaves_the_former_record(self, world: RecordsWorld) -> None:
        """Whole and only once; the next save works as usual, and remove leaves nothing."""
        records = world.ports.records
        former = new_server(world.new_id())
        records.save(former)
        later = former.wanting(DesiredState.STOPPED)
        world.half_saved(later)
        assert (former, (former,)) == (records.load(former.id), records.load_all())
        assert (former, (former.claim,)) == (records.find(former.name), records.claims())
        records.save(later)
        assert later == records.load(former.id)
        world.half_saved(former)
        records.remove(former.id)
        assert not world.record_traces(former.id)

    def test_a_half_done_first_save_leaves_no_record(self, world: RecordsWorld) -> None:
        """Removing it leaves no trace."""
        records = world.ports.records
        server = new_server(world.new_id())
        world.half_saved(server)
        assert (None, ()) == (records.load(server.id), records.load_all())
        assert (None, ()) == (records.find(server.name), records.claims())
        records.remove(server.id)
        assert not world.record_traces(server.id)

    def test_an_unreadable_record_is_reported_and_kept(self, world: RecordsWorld) -> None:
        """It is not loaded, overwritten or removed, and hides no other record."""
        records = world.ports.records
        server, other = new_server(world.new_id()), new_server(world.new_id(), "other")
        records.save(server)
        records.save(other)
        world.damage_record(server.id)
        damaged = world.record_traces(server.id)
        with pytest.raises(RecordUnreadable):
            records.load(server.id)
        with pytest.raises(RecordUnreadable):
            records.save(server)
        with pytest.raises(RecordUnreadable):
            records.remove(server.id)
        readable, unreadable = records.load_all()
        assert (other, RecordUnreadable) == (readable, type(unreadable))
        assert isinstance(unreadable, RecordUnreadable)
        assert server.id in unreadable.path
        assert damaged == world.record_traces(server.id)

    def test_a_name_may_be_in_an_unreadable_record(self, world: RecordsWorld) -> None:
        """So no name is known to be free; servers with readable records are found."""
        records = world.ports.records
        server, other = new_server(world.new_id()), new_server(world.new_id(), "other")
        records.save(server)
        records.save(other)
        world.damage_record(server.id)
        assert other == records.find(other.name)
        for name in (server.name, ServerName("neither")):
            with pytest.raises(RecordUnreadable):
                records.find(name)
        claims = records.claims()
        assert [other.claim] == [claim for claim in claims if isinstance(claim, Claim)]
        (error,) = (claim for claim in claims if isinstance(claim, RecordUnreadable))
        assert server.id in error.path
