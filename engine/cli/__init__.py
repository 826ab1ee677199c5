"""The command line: what is asked for, what is shown, and what the commands do."""
