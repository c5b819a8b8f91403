"""Tests on real Docker, Samba, bridges and loop devices. They need root."""
