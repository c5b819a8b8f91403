"""Tests that set the machine's clock: run on a machine of their own only."""
