"""What takes a whole machine, for its reboot, its clock and its power are the tests' own: the guest's."""
