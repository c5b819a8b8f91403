"""What the processes of every server do."""

from __future__ import annotations

import pytest

from shares_core.domain.errors import BackendFailure
from shares_core.domain.views import RunState
from shares_core.ports.processes import Script
from tests.contracts.smb_world import ADA, FILES, OTHER, RW, Serving, SmbContract, SmbWorld, Written
from tests.contracts.values import UID, with_rules


class ServerProcessesContract(SmbContract):
    """The suite of ``ports.processes``."""

    def test_a_server_that_does_not_run_is_not_signalled(self, world: SmbWorld, resting: Serving) -> None:
        """Neither absent nor stopped; no script runs inside either."""
        processes, server_id = world.ports.processes, resting.rules(ada="rw").id
        for made in (False, True):
            if made:
                world.ports.runtime.ensure(server_id, UID)
            assert not processes.signal(server_id, "SIGHUP")
            with pytest.raises(BackendFailure, match="does not run"):
                processes.run(server_id, world.revoke, "close-share", str(FILES), "/shares")

    def test_smbd_takes_its_configuration_at_a_hangup(self, world: SmbWorld, serving: Serving) -> None:
        """Written files take effect on open connections when these have reloaded."""
        processes, ada = world.ports.processes, serving.connect(ADA)
        assert RW == ada.level(FILES)
        denied = with_rules(serving.server, "files", bob="rw")
        world.half_applied(denied, serving.hashes, Written.SHARES)
        assert processes.signal(denied.id, "SIGHUP")
        processes.run(denied.id, world.revoke, "close-user", str(FILES), "/shares", str(ADA))
        assert ada.level(FILES) is None
        assert RunState.RUNNING is world.ports.runtime.inspect(denied.id).state

    def test_a_script_runs_with_its_arguments(self, world: SmbWorld, serving: Serving) -> None:
        """Twice is once."""
        processes, ada = world.ports.processes, serving.connect(ADA)
        closed, kept = ada.hold(FILES), ada.hold(OTHER)
        for _ in range(2):
            processes.run(serving.server.id, world.revoke, "close-share", str(FILES), "/shares")
            assert (False, True) == (closed.usable(), kept.usable())

    def test_a_script_that_fails_is_an_error(self, world: SmbWorld, serving: Serving) -> None:
        """The error names it."""
        processes = world.ports.processes
        with pytest.raises(BackendFailure, match="nonsense in server"):
            processes.run(serving.server.id, Script("nonsense", "echo nonsense >&2; exit 3"))
