"""One command of `python -m training` per file."""
