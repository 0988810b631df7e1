"""Measurements of real units of work; each runs as a module."""
