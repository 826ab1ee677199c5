"""Masks: the regions of a picture, and how they reach the layers of the network."""
