"""Sidecars of other programs are read, completed without a change to the rest, and restored."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from tests.support import program_samples as samples
from worker.metadata import composing, editing, keywords, xmp
from worker.metadata.composing import Wanted
from worker.metadata.document import load
from worker.metadata.xmp import Field, Form

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
BEAGLE = Wanted(confirmed=(("animal", "dog", "beagle"),))
#: More than 2 MB of edits.
MANY = 1_100


def words(data: bytes) -> dict[str, Sequence[str]]:
    return {each.word: each.broader for each in keywords.collect(xmp.read(load(data)).fields)}


@pytest.mark.parametrize(
    ("sample", "has_place"),
    [
        (samples.LIGHTROOM, True),
        (samples.DIGIKAM, True),
        (samples.CAPTURE_ONE, True),
        (samples.APPLE_PHOTOS, False),
        (samples.darktable(MANY), True),
    ],
    ids=["Lightroom", "digiKam", "Capture One", "Apple Photos", "darktable, 2 MB"],
)
def test_sample_is_read_completed_and_restored(sample: str, *, has_place: bool) -> None:
    before = sample.encode()
    assert words(before)["Malm\u00f6"] == (("Places",) if has_place else ())
    assert set(words(before)) <= {"Malm\u00f6", "Places"}  # no program's own marks

    written = composing.compose(before, BEAGLE, now=NOW).data or b""

    assert editing.foreign_part(load(written)) == editing.foreign_part(load(before))
    assert words(written) == words(before) | {"beagle": ("dog", "animal")}
    fields = xmp.read(load(written)).fields
    path = "Places{}Malm\u00f6" if has_place else "Malm\u00f6"
    assert path.format("|") in fields[Field.HIERARCHY].values
    assert path.format("/") in fields[Field.TAGS_LIST].values
    assert composing.compose(written, BEAGLE, now=NOW).data is None
    restored = composing.withdraw(written, now=NOW).data or b""
    assert xmp.read(load(restored)).fields == xmp.read(load(before)).fields


def test_forms_of_programs_are_kept_and_empty_extensions_mean_none() -> None:
    apple = composing.compose(samples.APPLE_PHOTOS.encode(), BEAGLE, now=NOW).data or b""
    found = xmp.read(load(apple))

    assert (found.fields[Field.SUBJECT].form, found.sidecar_for) == (Form.SEQ, None)
    assert xmp.read(load(samples.CAPTURE_ONE.encode())).sidecar_for == "NEF"


def test_darktable_that_drops_what_it_did_not_import_leaves_the_marker() -> None:
    written = composing.compose(samples.darktable().encode(), BEAGLE, now=NOW).data or b""
    parsed = load(written)  # it writes its own dc and lr anew, and knows no other field
    for field in (Field.SUBJECT, Field.HIERARCHY):
        editing.remove_values(parsed, field, ["beagle", "animal|dog|beagle"])
    found = xmp.read(parsed)

    assert found.marker is not None
    assert found.marker.words == ("beagle",)
    assert composing.foreign_fields(found)[Field.SUBJECT].values == ("Malm\u00f6", "Places")
