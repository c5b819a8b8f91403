"""What this project writes, held against what Samba itself reads: its own tools are the judges."""
