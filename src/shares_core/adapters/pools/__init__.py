"""Where volumes come from: files on a disk, or logical volumes."""
