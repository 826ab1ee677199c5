"""Batches: many pictures from one job, on this machine or on a cluster."""
