"""The use cases. They take and return plain values and reach the host only through the ports."""
