"""Masks: regions of a picture, and their propagation to the layers of the network."""
