"""Metrics of a result, one file for each idea, and the tables that show them."""
