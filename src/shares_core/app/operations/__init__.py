"""Everything that changes a server or a share: one module each, registered here once.

Records, the command line, the tests' catalogue and the boundary between processes use this registry.
"""

from __future__ import annotations

from collections.abc import Mapping

from shares_core.app.operations.check_share import CheckShare
from shares_core.app.operations.create_server import CreateServer
from shares_core.app.operations.create_share import CreateShare
from shares_core.app.operations.create_snapshot import CreateSnapshot
from shares_core.app.operations.delete_server import DeleteServer
from shares_core.app.operations.delete_share import DeleteShare
from shares_core.app.operations.delete_snapshot import DeleteSnapshot
from shares_core.app.operations.end_sessions import EndSessions
from shares_core.app.operations.extend_share import ExtendShare
from shares_core.app.operations.grant_access import GrantAccess
from shares_core.app.operations.rename_share import RenameShare
from shares_core.app.operations.restrict_access import RestrictAccess
from shares_core.app.operations.revert_share import RevertShare
from shares_core.app.operations.set_options import SetOptions
from shares_core.app.operations.set_protection import SetProtection
from shares_core.app.operations.shrink_share import ShrinkShare
from shares_core.app.operations.unexport_snapshot import UnexportSnapshot
from shares_core.domain.operation import Operation

#: By their wire names, which stay if a class is renamed.
OPERATIONS: Mapping[str, type[Operation]] = {
    operation.kind: operation
    for operation in (
        CreateServer,
        DeleteServer,
        CreateShare,
        ExtendShare,
        ShrinkShare,
        CheckShare,
        DeleteShare,
        GrantAccess,
        RestrictAccess,
        EndSessions,
        SetProtection,
        SetOptions,
        RenameShare,
        CreateSnapshot,
        DeleteSnapshot,
        RevertShare,
        UnexportSnapshot,
    )
}
