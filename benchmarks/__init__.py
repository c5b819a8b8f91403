"""Each operation beside its floor: what the same host takes for the bare steps, measured in the same run."""
