"""Run one command and say what it cost: `python -S _measure.py COMMAND...`, JSON on standard output.

A process of its own, without numpy, since a child's peak memory begins at its
parent's: what is started from here begins at a few MB.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    """wall_s: to the exit.  output_s: to the first byte of output.  cpu_s: user and system.  peak_mb: resident."""
    begun = time.monotonic()
    with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.read(1)
        output_s = time.monotonic() - begun
        output = first + process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
    cost = {
        "wall_s": wall_s,
        "output_s": output_s,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "exit_code": process.returncode,
        "output": output.decode(),
    }
    print(json.dumps(cost))


if __name__ == "__main__":
    main()
