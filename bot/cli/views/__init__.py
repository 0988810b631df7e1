"""What a person sees of each report: JSON documents in, blocks out (bot/cli/blocks.py)."""
