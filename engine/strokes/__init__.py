"""Strokes: fine strokes of the styles for paintings that are enlarged."""
