"""The use cases. They take and return plain values and reach the host through the ports alone."""
