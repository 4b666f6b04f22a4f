"""A catalogue holds places, hashes and secrets: other users of the machine cannot read it."""

import stat
from pathlib import Path

from catalog.db.database import open_database
from catalog.similar import vector_file
from tests.support.catalogue import add_photos, tag_photo


def test_a_new_catalogue_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "data" / "kadr.db"

    with open_database(f"sqlite:///{file}", upgrade=True) as opened, opened.write() as session:
        add_photos(session, "a.jpg")
        there = {each.name: stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()}

    assert there.keys() >= {"kadr.db", "kadr.db-wal"}
    assert set(there.values()) == {0o600}
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_vectors_in_the_cache_are_their_owners_alone(sqlite_url: str, tmp_path: Path) -> None:
    with open_database(sqlite_url, upgrade=False) as opened, opened.write() as session:
        tag_photo(session, *add_photos(session, "a.jpg"), {"dog": 0.9})

        index = vector_file.open_index(session, tmp_path / "cache")
        place = vector_file.find_place(session, tmp_path / "cache", index.model)

    assert stat.S_IMODE(place.stat().st_mode) == 0o700
