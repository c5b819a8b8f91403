"""The storage of production: logical volumes of an LVM volume group, thick or from a thin pool."""
