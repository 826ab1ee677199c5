"""The loss: its definition, its terms, its targets, and what evaluates it."""
