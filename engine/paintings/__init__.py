"""Paintings that come along, to be named as styles."""
