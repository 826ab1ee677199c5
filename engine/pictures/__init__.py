"""Pictures: reading, writing, colors and compositing."""
