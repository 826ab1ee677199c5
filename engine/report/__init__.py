"""Reports on runs, to attach to a question."""
