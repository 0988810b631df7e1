"""The doctor's checks, each in plain words and with its remedy."""
