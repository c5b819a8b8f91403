"""The identity of this installation's volume group: its UUID, whatever group has its name now."""

from __future__ import annotations

from attrs import frozen

from shares_core.adapters.pools.identity import PoolIdentity, in_settings
from shares_core.adapters.pools.lvm.commands import read_group
from shares_core.adapters.pools.lvm.devices import active_group_uuid
from shares_core.adapters.pools.lvm.report import VolumeGroup
from shares_core.domain.errors import HostNotReady
from shares_core.domain.remedy import HostTool, Remedy

#: Which volume groups there are.
LIST_GROUPS = HostTool("vgs", ("-o", "vg_name,vg_uuid"))


@frozen
class GroupIdentity(PoolIdentity):
    """A pool that is a volume ``group``, or in it, perhaps beside other pools of any installation."""

    group: str

    def establish(self, group: VolumeGroup) -> None:
        """Make the group this installation's, or check that it is. Idempotent. Raises HostNotReady."""
        self.installation.remember_pool(group.uuid, self.pool)
        self.check_read(group)

    def is_active(self) -> bool:
        """Whether the group of this name is this installation's and has an active volume."""
        return self.exists() and active_group_uuid(self.group) == self.kernel_uuid()

    def kernel_uuid(self) -> str:
        """The UUID of this installation's group as device-mapper writes it; empty before its first use."""
        return self.known.replace("-", "")

    def check(self) -> None:
        """Check that the group of this name is this installation's. Raises HostNotReady.

        If a volume of it is active, the kernel tells, and no command has to run.
        """
        if not self.is_active():
            self.read()

    def read(self) -> VolumeGroup:
        """The group with its volumes, after checking that it is this installation's. Raises HostNotReady."""
        if not self.exists():
            raise HostNotReady(
                f"volume group {self.group} is not in use by this installation yet",
                hint="the first share that is made takes it into use",
            )
        group = read_group(self.group)
        self.check_read(group)
        return group

    def check_read(self, group: VolumeGroup) -> None:
        known = self.known
        if known and group.uuid != known:
            raise HostNotReady(
                f"volume group {self.group} (UUID {group.uuid}) is not the pool {self.pool} "
                f"of this installation, which is {known}",
                hint=Remedy.of(
                    "attach the device of that pool, or name it in the configuration: "
                    f"{in_settings(self.pool, 'volume_group')}; ",
                    LIST_GROUPS,
                    " lists what is there",
                ),
            )
