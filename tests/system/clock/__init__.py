"""Tests that set the machine's clock: run them only on their own machine."""
