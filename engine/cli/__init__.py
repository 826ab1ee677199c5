"""Command line: options, commands and terminal output."""
