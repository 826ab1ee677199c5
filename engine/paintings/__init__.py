"""Paintings that come with Scumble, to be named as styles."""
