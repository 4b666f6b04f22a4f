"""A photo is its picture: whatever programs write into files, a person's decisions stay with it."""

import threading
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog import query
from catalog.db.database import Database
from catalog.db.tables import Embedding, Photo, PhotoEvent, PhotoFile, PhotoState, PhotoTag, Tag
from catalog.photos import files as photo_files
from catalog.photos import identity, lifecycle, roots, status
from catalog.photos.files import Registered, SeenFile
from catalog.tags import counts, decisions
from tests.support.catalogue import NOW, seen, tag_photo

LATER = NOW + timedelta(hours=1)


def register(session: Session, *files: SeenFile) -> Registered:
    root_id = roots.register_root(session, Path("/photos")).id
    return photo_files.register_files(session, root_id, files, now=LATER)


def remove(session: Session, *names: str) -> None:
    root_id = roots.register_root(session, Path("/photos")).id
    photo_files.mark_missing(session, root_id, names, now=LATER)


def photo_at(session: Session, path: str) -> int:
    return session.scalars(
        select(PhotoFile.photo_id).where(PhotoFile.path == path, PhotoFile.missing_since.is_(None))
    ).one()


def decided(session: Session, photo_id: int) -> dict[str, str]:
    rows = select(Tag.name, PhotoTag.decision).join(PhotoTag, PhotoTag.tag_id == Tag.id)
    found = session.execute(
        rows.where(PhotoTag.photo_id == photo_id, PhotoTag.decision.is_not(None))
    )
    return {name: decision.value for name, decision in found if decision is not None}


def history(session: Session, photo_id: int) -> list[str]:
    kinds = select(PhotoEvent.kind).where(PhotoEvent.photo_id == photo_id)
    return list(session.scalars(kinds.order_by(PhotoEvent.id)))


def begin(session: Session, path: str = "a.jpg") -> int:
    """Register, tag and decide about a photo of a cat."""
    (photo_id,) = register(session, seen(path, "cat", picture="cat")).pending
    tag_photo(session, photo_id, {"cat": 0.9, "animal": 0.7})
    decisions.add(session, [photo_id], ["Mimi"], now=NOW)
    decisions.reject(session, [photo_id], ["animal"], now=NOW)
    return photo_id


_SAID = {"Mimi": "confirmed", "animal": "rejected"}


def test_metadata_written_into_a_file_leaves_the_photo_as_it_is(database: Database):
    with database.write() as session:
        photo_id = begin(session)

        done = register(session, seen("a.jpg", "cat, five stars", mtime_ns=2, picture="cat"))

        photo = session.get_one(Photo, photo_id, populate_existing=True)
        assert done == Registered((), (photo_id,), (photo_id,))
        assert photo_at(session, "a.jpg") == photo_id
        assert (photo.state, photo.size_bytes) == (PhotoState.TAGGED, len("cat, five stars"))
        assert photo.sha256 == seen("x", "cat, five stars").sha256
        assert decided(session, photo_id) == _SAID
        assert session.scalar(select(func.count()).select_from(Photo)) == 1
        assert history(session, photo_id)[-1] == "rewritten"
        assert "missing" not in history(session, photo_id)


def test_what_a_rewritten_file_said_is_forgotten_and_what_a_touched_one_said_is_not(
    database: Database,
):
    with database.write() as session:
        begin(session)
        session.execute(PhotoFile.__table__.update().values(words={"flat": ["cat"]}))

        register(session, seen("a.jpg", "cat", mtime_ns=2, picture="cat"))
        touched = session.scalars(select(PhotoFile.words)).one()
        register(session, seen("a.jpg", "cat!", mtime_ns=3, picture="cat"))
        session.expire_all()

        assert touched == {"flat": ["cat"]}
        assert session.scalars(select(PhotoFile.words)).one() is None


def test_a_copy_with_other_metadata_begins_with_all_that_is_known(database: Database):
    with database.write() as session:
        photo_id = begin(session)
        register(session, seen("b.jpg", "cat", picture="cat"))

        done = register(session, seen("b.jpg", "cat, five stars", picture="cat"))

        twin = photo_at(session, "b.jpg")
        assert done == Registered((), (twin,), (twin,))
        assert photo_at(session, "a.jpg") == photo_id != twin
        assert decided(session, twin) == decided(session, photo_id) == _SAID
        of_both = select(func.count()).select_from(Embedding)
        assert session.scalar(of_both) == 2
        twin_row = session.get_one(Photo, twin)
        assert (twin_row.state, twin_row.width) == (PhotoState.TAGGED, 640)
        assert history(session, twin) == ["added", "inherited"]


def test_the_last_of_two_files_of_a_picture_keeps_what_was_decided_about_both(database: Database):
    with database.write() as session:
        photo_id = begin(session)
        register(session, seen("b.jpg", "cat, five stars", picture="cat"))
        twin = photo_at(session, "b.jpg")
        decisions.add(session, [photo_id], ["Berlin"], now=LATER)
        decisions.confirm(session, [twin], ["animal"], now=LATER)

        remove(session, "a.jpg")

        assert decided(session, twin) == {
            "Mimi": "confirmed",
            "Berlin": "confirmed",
            "animal": "confirmed",
        }
        assert status.count_states(session).missing == 0


def test_an_edited_picture_inherits_from_the_one_that_lay_there(database: Database):
    with database.write() as session:
        former = begin(session)

        done = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop"))

        (heir,) = done.pending
        assert heir != former
        assert decided(session, heir) == _SAID
        assert session.get_one(Photo, former, populate_existing=True).superseded_by_id == heir
        counts = status.count_states(session)
        assert (counts.missing, counts.superseded, counts.pending) == (0, 1, 1)
        assert history(session, former)[-1] == "superseded"
        assert history(session, heir).count("inherited") == 1
        tag_photo(session, heir, {"cat": 0.8, "animal": 0.6})
        assert decided(session, heir) == _SAID


def test_neither_tags_nor_searches_count_what_is_superseded(database: Database):
    with database.write() as session:
        former = begin(session)
        (heir,) = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop")).pending

        assert {tag.name: tag.photos for tag in counts.list_tags(session)} == {"Mimi": 1}
        assert status.count_tags(session) == 2
        assert query.find_ids(session, "Mimi") == [heir]
        assert query.find_ids(session, "is:missing") == []
        assert query.find_ids(session, "is:superseded") == [former]


def test_keywords_count_no_missing_photos(database: Database):
    with database.write() as session:
        begin(session)
        remove(session, "a.jpg")

        assert counts.list_tags(session) == []
        assert status.count_tags(session) == 0


def test_pruning_takes_no_decision_that_lives_on(database: Database):
    with database.write() as session:
        begin(session)
        (heir,) = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop")).pending

        pruned = photo_files.prune(session, LATER + timedelta(seconds=1))

        assert pruned.photos == 1
        assert decided(session, heir) == _SAID
        assert session.scalars(select(Photo.id)).all() == [heir]


def test_pruning_says_what_goes_and_what_stays(database: Database):
    with database.write() as session:
        begin(session)
        register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop"))
        copies = (seen("b.jpg", "dog", picture="dog"), seen("c.jpg", "dog", picture="dog"))
        owl, _ = register(session, seen("d.jpg", "owl", picture="owl"), *copies).pending
        decisions.add(session, [owl], ["Hedwig"], now=NOW)
        remove(session, "b.jpg", "d.jpg")

        assert photo_files.count_prunable(session, LATER).recent == 2
        found = photo_files.count_prunable(session, LATER + timedelta(seconds=1))

    assert (found.photos, found.files) == (2, 2)
    assert (found.superseded, found.decided) == (1, 1)
    assert (found.elsewhere, found.recent) == (1, 0)


def test_a_superseded_photo_follows_the_one_after_its_heir_when_that_is_pruned(database: Database):
    with database.write() as session:
        first = begin(session)
        (second,) = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop")).pending
        (third,) = register(session, seen("a.jpg", "grey", mtime_ns=3, picture="grey")).pending
        session.get_one(Photo, first, populate_existing=True).missing_since = LATER + timedelta(1)
        session.flush()

        photo_files.prune(session, LATER + timedelta(seconds=1))

        assert set(session.scalars(select(Photo.id))) == {first, third}
        assert session.get_one(Photo, first, populate_existing=True).superseded_by_id == third
        assert second not in {first, third}


def test_a_decision_is_undone_on_the_picture_that_inherited_it(database: Database):
    with database.write() as session:
        begin(session)
        other = register(session, seen("b.jpg", "dog", picture="dog")).pending[0]
        (heir,) = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop")).pending

        undone = decisions.undo(session, now=LATER)

        assert undone.photos == 1
        assert decided(session, heir) == {"Mimi": "confirmed"}
        assert decided(session, other) == {}


def test_a_restored_backup_is_the_photo_it_was_with_the_decisions_made_since(database: Database):
    with database.write() as session:
        photo_id = begin(session)
        (edited,) = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop")).pending
        decisions.remove(session, [edited], ["Mimi"], now=LATER)
        decisions.add(session, [edited], ["Berlin"], now=LATER)

        register(session, seen("a.jpg", "cat", mtime_ns=1, picture="cat"))

        assert photo_at(session, "a.jpg") == photo_id
        assert decided(session, photo_id) == {"Berlin": "confirmed", "animal": "rejected"}
        photo = session.get_one(Photo, photo_id, populate_existing=True)
        assert (photo.missing_since, photo.superseded_by_id) == (None, None)
        assert session.get_one(Photo, edited, populate_existing=True).superseded_by_id == photo_id


def test_a_restored_backup_with_other_metadata_is_the_photo_it_was(database: Database):
    with database.write() as session:
        photo_id = begin(session)
        register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop"))

        register(session, seen("a.jpg", "cat, five stars", mtime_ns=1, picture="cat"))

        assert photo_at(session, "a.jpg") == photo_id
        assert decided(session, photo_id) == _SAID


def test_a_known_photo_that_is_moved_over_another_does_not_inherit(database: Database):
    with database.write() as session:
        former = begin(session)
        (other,) = register(session, seen("b.jpg", "dog", picture="dog")).pending

        register(session, seen("a.jpg", "dog", mtime_ns=2, picture="dog"))
        remove(session, "b.jpg")

        assert photo_at(session, "a.jpg") == other
        assert decided(session, other) == {}
        assert session.get_one(Photo, former, populate_existing=True).superseded_by_id is None
        assert status.count_states(session).missing == 1


def test_a_copy_of_an_edited_photo_keeps_its_own_decisions(database: Database):
    with database.write() as session:
        former = begin(session)
        register(session, seen("b.jpg", "cat", picture="cat"))

        (heir,) = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop")).pending

        assert decided(session, heir) == decided(session, former) == _SAID
        assert session.get_one(Photo, former, populate_existing=True).superseded_by_id is None
        assert decisions.undo(session, now=LATER).photos == 1
        assert decided(session, former) == {"Mimi": "confirmed"}


def test_a_file_that_a_program_deletes_and_writes_anew_was_edited(database: Database):
    with database.write() as session:
        begin(session)
        remove(session, "a.jpg")

        (heir,) = register(session, seen("a.jpg", "crop", mtime_ns=2, picture="crop")).pending

        assert decided(session, heir) == _SAID


def test_another_photo_of_the_name_of_one_deleted_long_ago_inherits_nothing(database: Database):
    with database.write() as session:
        begin(session)
        root_id = roots.register_root(session, Path("/photos")).id
        photo_files.mark_missing(session, root_id, ["a.jpg"], now=NOW)

        (other,) = register(session, seen("a.jpg", "next holiday", picture="beach")).pending

        assert decided(session, other) == {}
        assert status.count_states(session).missing == 1


def test_a_file_without_a_digest_hands_its_decisions_on_whatever_was_changed(database: Database):
    with database.write() as session:
        (former,) = register(session, seen("a.bmp", "cat")).pending
        decisions.add(session, [former], ["Mimi"], now=NOW)

        (heir,) = register(session, seen("a.bmp", "cat!", mtime_ns=2)).pending

        assert decided(session, heir) == {"Mimi": "confirmed"}


def test_a_picture_that_is_rewritten_while_it_is_read_is_read_again(database: Database):
    with database.write() as session:
        (photo_id,) = register(session, seen("a.jpg", "cat", picture="cat")).pending
        claim = lifecycle.claim_photos(session, [photo_id], limit=1, lease_s=60, now=NOW)

        done = register(session, seen("a.jpg", "cat, five stars", mtime_ns=2, picture="cat"))

        assert done == Registered((photo_id,), (), (photo_id,))
        assert lifecycle.find_owned(session, claim.token, [photo_id]) == set()


def test_a_quarantined_photo_is_tried_again_when_it_is_rewritten(database: Database):
    with database.write() as session:
        (photo_id,) = register(session, seen("a.jpg", "cat", picture="cat")).pending
        claim = lifecycle.claim_photos(session, [photo_id], limit=1, lease_s=60, now=NOW)
        lifecycle.quarantine(session, claim.token, {photo_id: "damaged"}, now=NOW)

        done = register(session, seen("a.jpg", "mended", mtime_ns=2, picture="cat"))

        assert done.pending == (photo_id,)


def test_a_photo_of_an_old_catalogue_gets_its_digest_when_it_is_seen_again(database: Database):
    with database.write() as session:
        (photo_id,) = register(session, seen("a.jpg", "cat")).pending

        register(session, seen("a.jpg", "cat", picture="cat"))
        done = register(session, seen("a.jpg", "cat, five stars", mtime_ns=2, picture="cat"))

        assert done.pending == (photo_id,)
        assert session.scalar(select(func.count()).select_from(Photo)) == 1


def test_two_files_that_swap_their_names_keep_their_own_decisions(database: Database):
    with database.write() as session:
        cat = begin(session)
        (dog,) = register(session, seen("b.jpg", "dog", picture="dog")).pending

        register(
            session,
            seen("a.jpg", "dog", mtime_ns=2, picture="dog"),
            seen("b.jpg", "cat", mtime_ns=2, picture="cat"),
        )

        assert (photo_at(session, "a.jpg"), photo_at(session, "b.jpg")) == (dog, cat)
        assert (decided(session, dog), decided(session, cat)) == ({}, _SAID)


def test_two_writers_that_see_one_edit_make_one_photo(database: Database):
    with database.write() as session:
        former = begin(session)
        register(session, seen("b.jpg", "dog", picture="dog"))
    edits = (
        seen("a.jpg", "cat, five stars", mtime_ns=2, picture="cat"),
        seen("b.jpg", "dog, cropped", mtime_ns=2, picture="crop"),
    )

    def write(*files: SeenFile) -> None:
        with database.write() as session:
            register(session, *files)

    others = [threading.Thread(target=write, args=edits[::way]) for way in (1, -1, 1, -1)]
    for other in others:
        other.start()
    for other in others:
        other.join()

    with database.read() as session:
        assert photo_at(session, "a.jpg") == former
        assert decided(session, former) == _SAID
        assert session.scalar(select(func.count()).select_from(Photo)) == 3


def test_of_a_picture_that_is_there_a_hundred_times_few_photos_are_looked_at(database: Database):
    """Blank pages of a scanner: the cost of one more does not grow with their number."""
    blanks = [seen(f"{number:03}.png", picture="blank") for number in range(100)]
    with database.write() as session:
        register(session, *blanks)
        remove(session, "090.png")
        digest = blanks[0].image_digest
        assert digest is not None

        gone = session.scalars(select(Photo.id).where(Photo.missing_since.is_not(None))).one()
        newest = session.scalars(select(func.max(Photo.id))).one()
        alike = identity.find_alike(session, [digest], [newest])[digest]

    assert len(alike) == identity.MAX_ALIKE + 1
    assert {gone, newest} <= set(alike)


def test_one_of_many_equal_pictures_stays_itself_when_words_are_written_into_it(database: Database):
    with database.write() as session:
        register(session, *(seen(f"{number:03}.png", picture="blank") for number in range(100)))
        photo_id = photo_at(session, "095.png")
        decisions.add(session, [photo_id], ["page 95"], now=NOW)

        found = register(session, seen("095.png", "with words", picture="blank"))

        assert found.photo_ids == (photo_id,)
        assert found.pending == (photo_id,)
        assert decided(session, photo_id) == {"page 95": "confirmed"}
