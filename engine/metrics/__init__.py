"""Metrics: figures that say how good a result is."""
