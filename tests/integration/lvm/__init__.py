"""Logical volumes and the kernel's own client: on a host with device-mapper and a spare volume group."""
