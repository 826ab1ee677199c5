"""Steps of install.py. Standard library only: they run before any package is installed."""
