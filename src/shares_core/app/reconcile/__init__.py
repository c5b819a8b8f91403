"""Making the host agree with the records again: observe the host, plan what differs, apply."""
