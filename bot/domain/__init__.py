"""What the bot talks about: candles, signals, orders, fills, trades, the book.

Frozen values and the ports that adapters fill. Nothing here reads a clock, a
socket, a database or the environment, and nothing here imports from the rest
of the package.
"""
