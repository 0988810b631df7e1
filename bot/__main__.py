"""`python -m bot COMMAND`: the command line."""

import gc
import os
import sys


def run() -> int:
    """Run the command of sys.argv; its exit code.

    A tick is mostly imports, and lives for less than a second. Three things that
    Python and numpy do for longer lives would cost it a quarter of its time.
    """
    gc.set_threshold(100_000)  # not every 700 objects: what is imported stays
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no threads for matrices: there are none
    from bot.cli.main import main

    try:
        return main()
    finally:
        # No last look at every object; closing, flushing and atexit happen as ever. Longer
        # commands load packages (DuckDB) that count their own objects at the end and complain.
        if sys.argv[1:2] == ["tick"]:
            gc.freeze()


if __name__ == "__main__":
    sys.exit(run())
