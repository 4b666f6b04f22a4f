"""Precision by the confidence that the machine had before a person decided."""

from catalog.db.database import Database
from catalog.tags import bands, browse, decisions
from catalog.tags.bands import Band
from tests.support.catalogue import NOW, add_photos, tag_photo


def test_decisions_are_counted_by_the_confidence_that_they_overwrote(database: Database):
    with database.write() as session:
        photos = add_photos(session, "a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
        for photo_id, confidence in zip(photos, (0.9, 0.8, 0.5, 0.15, 0.7), strict=True):
            tag_photo(session, photo_id, {"dog": confidence})
        decisions.confirm(session, photos[:2], ["dog"], now=NOW)
        decisions.reject(session, photos[1:4], ["dog"], now=NOW)
        decisions.confirm(session, photos[2:3], ["dog"], now=NOW)
        decisions.add(session, photos, ["trip"], now=NOW)
        undone = decisions.reject(session, photos[4:], ["dog"], now=NOW)
        decisions.undo(session, now=NOW, change_id=undone.change_id)

    with database.read() as session:
        found = bands.find_bands(session, browse.find_tag_id(session, "dog"))
        assert bands.find_bands(session, browse.find_tag_id(session, "trip")) == []

    assert found == [Band(0.8, 1.0, 2, 1), Band(0.4, 0.6, 1, 1), Band(0.0, 0.2, 1, 0)]
    assert found[0].precision == 0.5
