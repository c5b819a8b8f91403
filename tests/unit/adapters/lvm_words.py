"""Captured output of LVM 2.03.16 (Debian 12)."""

from __future__ import annotations

import json
from collections.abc import Mapping

GROUP, POOL, VOLUME = "vg", "pool", "0123456789ab"
UUID = "3QLnYM-i3HA-OVaQ-Nh14-guw4-qvqN-u1VIFZ"
OTHER_UUID = "Zx0aBc-1d2e-3F4g-5H6i-7J8k-9L0m-nOpQrS"
#: A volume's, in bytes: 25 extents.
SIZE = 100 << 20
#: lvs --reportformat json --units b --nosuffix, of a group with one thick volume.
LVS = """\
  {
      "report": [
          {
              "lv": [
                  {"vg_name":"vg", "vg_uuid":"3QLnYM-i3HA-OVaQ-Nh14-guw4-qvqN-u1VIFZ", \
"vg_size":"8585740288", \
"vg_free":"8480882688", "vg_extent_size":"4194304", "vg_permissions":"writeable", "vg_exported":"", \
"vg_missing_pv_count":"0", "lv_name":"first", "lv_size":"104857600", "lv_tags":"shares-core", \
"lv_layout":"linear", "lv_role":"public", "origin":"", "lv_snapshot_invalid":"", \
"pool_lv":"", "data_percent":"", "metadata_percent":"", \
"zero":"", "lv_health_status":""}
              ]
          }
      ]
  }
"""
#: The same for an empty group, and what vgs says of it.
EMPTY_LVS = """\
  {
      "report": [
          {
              "lv": [
              ]
          }
      ]
  }
"""
VGS = """\
  {
      "report": [
          {
              "vg": [
                  {"vg_name":"vg", "vg_uuid":"3QLnYM-i3HA-OVaQ-Nh14-guw4-qvqN-u1VIFZ", \
"vg_size":"8585740288", \
"vg_free":"8585740288", "vg_extent_size":"4194304", "vg_permissions":"writeable", "vg_exported":"", \
"vg_missing_pv_count":"0"}
              ]
          }
      ]
  }
"""
NO_GROUP = '  Volume group "vg" not found\n  Cannot process volume group vg\n'
_ROW: Mapping[str, str] = json.loads(LVS)["report"][0]["lv"][0]
#: What differs in the rows of a thin pool and of a volume in it.
THIN_POOL: Mapping[str, str] = {
    "lv_name": POOL,
    "lv_size": str(1 << 30),
    "lv_tags": "",
    "lv_layout": "thin,pool",
    "zero": "zero",
    "data_percent": "3.17",
    "metadata_percent": "10.84",
}
THIN: dict[str, str] = {"lv_layout": "thin,sparse", "pool_lv": POOL, "data_percent": "5.00"}


def lvs(*rows: Mapping[str, str], **everywhere: str) -> str:
    """The output of lvs for a group with these volumes; ``everywhere`` has fields equal in all."""
    return json.dumps({"report": [{"lv": [{**_ROW, **row, **everywhere} for row in rows]}]})


def vgs(**fields: str) -> str:
    """The output of vgs for a group without volumes."""
    (row,) = json.loads(VGS)["report"][0]["vg"]
    return json.dumps({"report": [{"vg": [row | fields]}]})


def volume(volume_id: str = VOLUME, *, size: int = SIZE, tags: str = "") -> dict[str, str]:
    """The row of a share's volume."""
    return {"lv_name": f"shares-{volume_id}", "lv_size": str(size), "lv_tags": tags}
