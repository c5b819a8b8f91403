"""Which volume group is this installation's: it is known by its UUID, whatever has its name now."""

from __future__ import annotations

from attrs import frozen

from shares_core.adapters.pools.lvm.commands import read_group
from shares_core.adapters.pools.lvm.devices import active_group_uuid
from shares_core.adapters.pools.lvm.report import VolumeGroup
from shares_core.adapters.state.installation import Installation
from shares_core.domain.errors import HostNotReady


@frozen
class GroupIdentity:
    """The volume group ``name`` and the installation that uses it, perhaps beside others."""

    name: str
    installation: Installation

    def exists(self) -> bool:
        """Whether this installation has a pool; not whether it is there now."""
        return bool(self.installation.pool_id())

    def establish(self, group: VolumeGroup) -> None:
        """Make the group this installation's, or see that it is. Idempotent. Raises HostNotReady."""
        self.installation.remember_pool(group.uuid)
        self.check_read(group)

    def is_active(self) -> bool:
        """Whether the group of this name is this installation's, and the kernel has a volume of it."""
        return self.exists() and active_group_uuid(self.name) == self.kernel_uuid()

    def kernel_uuid(self) -> str:
        """The UUID of this installation's group as device-mapper writes it; empty before its first use."""
        return self.installation.pool_id().replace("-", "")

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
                f"volume group {self.name} is not in use by this installation yet",
                hint="the first share that is made takes it into use",
            )
        group = read_group(self.name)
        self.check_read(group)
        return group

    def check_read(self, group: VolumeGroup) -> None:
        known = self.installation.pool_id()
        if known and group.uuid != known:
            raise HostNotReady(
                f"volume group {self.name} (UUID {group.uuid}) is not the pool of this installation, "
                f"which is {known}",
                hint="attach the device of that pool, or name it in the configuration: [pool] volume_group; "
                "'vgs -o vg_name,vg_uuid' lists what is there",
            )
