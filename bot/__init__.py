"""Metronome: one stateless tick every five minutes, all memory in Postgres."""

__version__ = "0.1.0"
