"""Registers the suite's profiles before pytest reads --hypothesis-profile."""

from tests.unit.machine import profiles as profiles
