"""Many at once: bulk export, the batch conversion of a backlog, and the regional archive."""
