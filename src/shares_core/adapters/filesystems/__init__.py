"""ext4 and xfs: made, mounted, grown, checked and measured."""
