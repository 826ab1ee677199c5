"""The report on a run: what one attaches to a question."""
