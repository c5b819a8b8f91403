"""What an installation keeps in its state folder."""
