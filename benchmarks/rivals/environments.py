"""Virtual environments for programs whose dependencies do not agree with Kadr's; kept for later.

Packages come from PyPI by name and version, as a user of those programs would install them.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rivals.contestant import ContestantError


def make(folder: Path, packages: Sequence[str]) -> Path:
    """Return the Python of an environment with these packages; make it if it is not there.

    Raises:
        ContestantError: A package cannot be installed; the message is pip's.
    """
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    installed = folder / "installed.txt"
    wanted = "\n".join(packages)
    if installed.exists() and installed.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    print(f"Installing {' '.join(packages)}; this happens once ...", file=sys.stderr, flush=True)
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        reason = errors[-1].removeprefix("ERROR: ") if errors else f"pip returned {done.returncode}"
        raise ContestantError(f"pip cannot install it: {reason}")
    installed.write_text(wanted, encoding="utf-8")
    return python


def packages_of(python: Path) -> Path:
    """Return the folder in which an environment has its packages."""
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Path(done.stdout.strip())
