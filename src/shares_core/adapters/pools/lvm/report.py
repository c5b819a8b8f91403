"""LVM's reports on a volume group and its volumes (``lvs`` and ``vgs`` in JSON) as frozen values."""

from __future__ import annotations

import json

from attrs import frozen

from shares_core.domain.errors import HostNotReady
from shares_core.domain.remedy import HostTool, Remedy

_GROUP = "vg_name,vg_uuid,vg_size,vg_free,vg_extent_size,vg_permissions,vg_exported,vg_missing_pv_count"
_VOLUME = (
    "lv_name,lv_size,lv_tags,lv_layout,lv_role,origin,lv_snapshot_invalid,pool_lv,data_percent,metadata_percent,zero,"
    "lv_health_status"
)
_AS_JSON = ("--reportformat", "json", "--units", "b", "--nosuffix")


@frozen
class LogicalVolume:
    """One logical volume; sizes in bytes.

    ``pool`` is where a volume that ``is_thin`` takes its blocks from; a cached volume has another kind of
    pool there, most have none. The percentages are None unless it is thin and active; ``zeroes`` and
    ``health`` are only about thin pools. A thick snapshot names its ``thick_origin``, and holds what that
    held, until more was written to it than the snapshot has room for: then it ``has_overflowed``, and holds
    nothing.
    """

    name: str
    size: int
    tags: frozenset[str] = frozenset()
    pool: str = ""
    is_thin: bool = False
    is_thin_pool: bool = False
    data_percent: float | None = None
    metadata_percent: float | None = None
    zeroes: bool = False
    health: str = ""
    thick_origin: str = ""
    has_overflowed: bool = False


@frozen
class VolumeGroup:
    """One volume group with its logical volumes; sizes in bytes. ``missing`` counts lost devices."""

    name: str
    uuid: str
    size: int
    free: int
    extent: int
    writable: bool = True
    exported: bool = False
    missing: int = 0
    volumes: tuple[LogicalVolume, ...] = ()

    def find(self, name: str) -> LogicalVolume | None:
        return next((volume for volume in self.volumes if volume.name == name), None)

    def require_usable(self) -> None:
        """Raise HostNotReady if nothing can be made in the group as it is."""
        if self.exported:
            raise HostNotReady(
                f"volume group {self.name} is exported", hint=Remedy.of(HostTool("vgimport", (self.name,)))
            )
        if self.missing:
            raise HostNotReady(
                f"volume group {self.name} misses {self.missing} of its devices",
                hint=Remedy.of(
                    "attach what ",
                    HostTool("vgs", ("-o", "+pv_name,pv_missing", self.name)),
                    " calls missing",
                ),
            )
        if not self.writable:
            raise HostNotReady(
                f"volume group {self.name} is read-only",
                hint="see 'read_only_volume_list' in /etc/lvm/lvm.conf",
            )


def volumes_command(group: str) -> tuple[str, ...]:
    """The command that lists the group's volumes, each with the group's figures, for ``parse_volumes``."""
    return ("lvs", *_AS_JSON, "--options", f"{_GROUP},{_VOLUME}", group)


def group_command(group: str) -> tuple[str, ...]:
    """The command that describes a group, even without volumes, for ``parse_group``."""
    return ("vgs", *_AS_JSON, "--options", _GROUP, group)


def parse_volumes(output: str) -> VolumeGroup | None:
    """The group with its volumes; None if it has none. Raises ValueError for anything but such a report."""
    rows = _rows(output, "lv")
    return _group(rows[0], tuple(map(_volume, rows))) if rows else None


def parse_group(output: str) -> VolumeGroup:
    """The group, without its volumes. Raises ValueError for anything but such a report."""
    rows = _rows(output, "vg")
    if not rows:
        raise ValueError("it has no volume group")
    return _group(rows[0], ())


def _rows(output: str, section: str) -> list[dict[str, str]]:
    try:
        rows: list[dict[str, str]] = json.loads(output)["report"][0][section]
        if all(isinstance(value, str) for row in rows for value in row.values()):
            return rows
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"it has no {section!r} section") from error
    raise ValueError(f"its {section!r} section holds something else than text")


def _group(fields: dict[str, str], volumes: tuple[LogicalVolume, ...]) -> VolumeGroup:
    try:
        return VolumeGroup(
            name=fields["vg_name"],
            uuid=fields["vg_uuid"],
            size=int(fields["vg_size"]),
            free=int(fields["vg_free"]),
            extent=int(fields["vg_extent_size"]),
            writable=fields["vg_permissions"] == "writeable",
            exported=bool(fields["vg_exported"]),
            missing=int(fields["vg_missing_pv_count"]),
            volumes=volumes,
        )
    except KeyError as error:
        raise ValueError(f"it has no {error}") from error


def _volume(fields: dict[str, str]) -> LogicalVolume:
    try:
        layout, origin = fields["lv_layout"].split(","), fields["origin"]
        return LogicalVolume(
            name=fields["lv_name"],
            size=int(fields["lv_size"]),
            tags=frozenset(filter(None, fields["lv_tags"].split(","))),
            pool=fields["pool_lv"],
            is_thin="thin" in layout and "pool" not in layout,
            is_thin_pool="thin" in layout and "pool" in layout,
            data_percent=_percent(fields["data_percent"]),
            metadata_percent=_percent(fields["metadata_percent"]),
            zeroes=fields["zero"] == "zero",
            health=fields["lv_health_status"],
            thick_origin=origin if "thicksnapshot" in fields["lv_role"].split(",") else "",
            has_overflowed=bool(fields["lv_snapshot_invalid"]),
        )
    except KeyError as error:
        raise ValueError(f"it has no {error}") from error


def _percent(text: str) -> float | None:
    return float(text) if text else None
