"""Which volume group is this installation's: it is known by its UUID, whatever has its name now."""

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
    """A pool that is a volume ``group``, or in it, perhaps beside other pools and other installations'."""

    group: str

    def establish(self, group: VolumeGroup) -> None:
        """Make the group this installation's, or see that it is. Idempotent. Raises HostNotReady."""
        self.installation.remember_pool(group.uuid, self.pool)
        self.check_read(group)

    def is_active(self) -> bool:
        """Whether the group of this name is this installation's, and the kernel has a volume of it."""
        return self.exists() and active_group_uuid(self.group) == self.kernel_uuid()

    def kernel_uuid(self) -> str:
        """The UUID of this installation's group as device-mapper writes it; empty before its first use."""
        return self.known.replace("-", "")

    def check(self) -> None:
        """See that the group of this name is this installation's. Raises HostNotReady.

        Where a volume of it is active the kernel tells, and no command has to be run.
        """
        if not self.is_active():
            self.read()

    def read(self) -> VolumeGroup:
        """The group with its volumes, once it is seen to be this installation's. Raises HostNotReady."""
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
