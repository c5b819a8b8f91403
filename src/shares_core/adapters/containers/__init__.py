"""Share servers as Docker containers, with what Podman's socket has too."""
