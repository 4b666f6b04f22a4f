"""A sidecar belongs to one photo of its folder, or to none."""

import pytest

from worker.metadata import sidecar_names
from worker.metadata.sidecar_names import PhotosOfFolder


@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.xmp", "IMG.XMP", "a.Xmp"])
def test_sidecar_is_known_by_its_ending(name: str) -> None:
    assert sidecar_names.is_sidecar(name)


@pytest.mark.parametrize("name", [".xmp", ".a.jpg.xmp", "xmp", "a.xmp.tmp", "~a.xmp", "a.jpg"])
def test_other_files_are_no_sidecars(name: str) -> None:
    assert not sidecar_names.is_sidecar(name)


@pytest.mark.parametrize(
    ("photos", "sidecar", "sidecar_for", "owner"),
    [
        (["a.jpg"], "a.jpg.xmp", None, "a.jpg"),
        (["a.jpg"], "a.xmp", None, "a.jpg"),
        (["A.JPG"], "A.XMP", None, "A.JPG"),
        (["a.JPG"], "a.jpg.XMP", None, "a.JPG"),
        (["a.jpg"], "A.xmp", None, None),
        (["a.jpg", "a.cr3"], "a.xmp", None, "a.cr3"),
        (["a.jpg", "a.cr3"], "a.xmp", "JPG", "a.jpg"),
        (["a.jpg", "a.cr3"], "a.jpg.xmp", "CR3", "a.jpg"),
        (["a.jpg"], "a.xmp", "CR3", None),
        (["a.jpg", "a.png"], "a.xmp", None, None),
        (["a.cr3", "a.dng"], "a.xmp", None, None),
        (["a.cr3", "a.dng"], "a.xmp", "DNG", "a.dng"),
        (["b.jpg"], "a.xmp", None, None),
        (["a.b.jpg"], "a.b.xmp", None, "a.b.jpg"),
    ],
)
def test_owner_is_found(
    photos: list[str], sidecar: str, sidecar_for: str | None, owner: str | None
) -> None:
    assert PhotosOfFolder(photos).owner_of(sidecar, sidecar_for) == owner


def test_new_sidecars_are_named_after_the_photo() -> None:
    assert sidecar_names.of_photo("IMG.jpg") == "IMG.jpg.xmp"
    assert sidecar_names.of_raw("IMG.cr3") == "IMG.xmp"
