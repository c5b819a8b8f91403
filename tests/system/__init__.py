"""Tests that need a whole machine, because they control its reboot, clock and power: the guest."""
