"""What the tests of the house read: the files that git tracks, and where they are."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project, and those not yet committed, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(path for path in paths if path.is_file())


def pages() -> list[Path]:
    """The project's prose."""
    return [path for path in tracked() if path.suffix == ".md"]


def named(path: Path) -> str:
    """A path as a person writes it, for the name of a test."""
    return str(path.relative_to(ROOT))
