"""Real photos that come with ordinary Python packages: something to try Kadr on at once."""

from importlib.util import find_spec
from pathlib import Path

from worker.errors import RootError
from worker.watch import scan, walking

#: (package, folder in it, file, name that a camera owner might have given it).
_SAMPLES = (
    ("skimage", "data", "chelsea.png", "cat.png"),
    ("skimage", "data", "coffee.png", "breakfast.png"),
    ("sklearn", "datasets/images", "china.jpg", "holiday.jpg"),
    ("skimage", "data", "motorcycle_left.png", "garage.png"),
    ("skimage", "data", "astronaut.png", "portrait.png"),
    ("skimage", "data", "rocket.jpg", "launch.jpg"),
    ("skimage", "data", "camera.png", "photographer.png"),
)


def find_samples() -> dict[str, Path]:
    """Return the sample photos by the names they are shown under.

    Raises:
        RootError: neither scikit-image nor scikit-learn is installed.
    """
    found = {name: _folder(package) / inner / file for package, inner, file, name in _SAMPLES}
    there = {name: path for name, path in found.items() if path.is_file()}
    if not there:
        raise RootError(
            "there are no sample photos; install them with `pip install 'kadr[demo]'`, "
            "or give a folder: `kadr demo ~/Pictures`"
        )
    return there


def take_some(folder: Path, limit: int) -> dict[str, Path]:
    """Return some photos below a folder, spread over it, by distinct names.

    Raises:
        RootError: the folder is not there, or there is no photo in it.
    """
    top = scan.check_root(folder)
    photos = [found.path for found in scan.walk(top) if not walking.is_sidecar(found.path.name)]
    if not photos:
        raise RootError(f"{top}: no photos in it; give another folder")
    step = max(1, len(photos) // limit)
    return {
        f"{number:02}-{path.name}": path for number, path in enumerate(photos[::step][:limit], 1)
    }


def _folder(package: str) -> Path:
    spec = find_spec(package)  # found, not imported: it is slow and not needed
    return Path(spec.origin).parent if spec and spec.origin else Path("/nonexistent")
