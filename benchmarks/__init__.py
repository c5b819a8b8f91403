"""Each operation beside its floor: the time of the bare steps on the same host, measured in the same run."""
