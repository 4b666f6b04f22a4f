"""A person's word outlives every re-run, a new model, and the merge of copies; it can be undone."""

from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, event, select, update
from sqlalchemy.orm import Session

from catalog import query
from catalog.db.database import Database, open_database
from catalog.db.tables import Decision, Photo, PhotoEvent, PhotoState, PhotoTag, Source, Tag
from catalog.errors import DecisionFileError, KeywordError, NotFoundError
from catalog.photos import files, roots
from catalog.photos.history import EventKind
from catalog.tags import decision_files, decisions, results, store, taggers
from tests.support.catalogue import NOW, TAGGER, add_photos, seen, tag_photo


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as opened:
        yield opened


@pytest.fixture
def photo(session: Session) -> int:
    (photo_id,) = add_photos(session, "a.jpg")
    tag_photo(session, photo_id, {"dog": 0.9, "beach": 0.5}, keywords=("holiday",))
    return photo_id


def state(session: Session, photo_id: int) -> dict[str, tuple[str, str | None]]:
    rows = session.execute(
        select(Tag.name, PhotoTag.source, PhotoTag.decision)
        .join(PhotoTag, PhotoTag.tag_id == Tag.id)
        .where(PhotoTag.photo_id == photo_id)
    )
    return {name: (str(source), decision and str(decision)) for name, source, decision in rows}


def retag(session: Session, photo_id: int, words: dict[str, float], model: str = "a") -> None:
    """Score a photo again, as `kadr retag` and another model do."""
    spec = TAGGER if model == "a" else taggers.TaggerSpec("other", model * 64, 4, *_REST)
    tagger_id = taggers.ensure_tagger(session, spec)
    scored = tuple(results.ScoredTag(word, c / 10, c / 4, c) for word, c in words.items())
    results.store_tags(session, {photo_id: scored}, tagger_id=tagger_id, words={})


_REST = ("test", "b" * 64, ("{word}",), "c" * 64, "d" * 64)


def test_added_keyword_is_a_persons_and_surely_right(session: Session, photo: int) -> None:
    change = decisions.add(session, [photo], ["Rex", "dog"], now=NOW)

    assert change.changed == 2
    assert state(session, photo)["Rex"] == ("person", "confirmed")
    assert state(session, photo)["dog"] == ("clip", "confirmed")
    assert query.find_ids(session, "rex") == [photo]


def test_rejected_keyword_stays_away_whatever_runs(session: Session, photo: int) -> None:
    decisions.reject(session, [photo], ["dog", "cat"], now=NOW)
    for model in ("a", "e"):
        retag(session, photo, {"dog": 0.99, "cat": 0.98, "sea": 0.5}, model)

    assert query.find_ids(session, "dog") == []
    assert query.find_ids(session, "cat") == []
    assert query.find_ids(session, "sea") == [photo]


def test_confirmed_and_added_keywords_outlive_runs_that_do_not_find_them(
    session: Session, photo: int
) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    decisions.add(session, [photo], ["Rex"], now=NOW)
    for model in ("a", "e"):
        retag(session, photo, {"lamp": 0.9}, model)

    assert set(state(session, photo)) == {"dog", "Rex", "holiday", "lamp"}
    assert query.find_ids(session, "dog AND rex") == [photo]


def test_photo_that_is_opened_and_encoded_anew_keeps_decisions_also_about_its_files_keywords(
    session: Session, photo: int
) -> None:
    decisions.reject(session, [photo], ["dog", "holiday"], now=NOW)
    decisions.confirm(session, [photo], ["beach"], now=NOW)
    session.execute(update(Photo).values(state=PhotoState.PENDING, due_at=NOW))  # by another model
    tag_photo(session, photo, {"dog": 0.9, "sea": 0.4}, keywords=("holiday", "summer"))

    assert state(session, photo) == {
        "dog": ("clip", "rejected"),
        "holiday": ("metadata", "rejected"),
        "beach": ("clip", "confirmed"),
        "sea": ("clip", None),
        "summer": ("metadata", None),
    }
    assert query.find_ids(session, "dog OR holiday") == []


def test_decisions_hold_in_another_catalogue_whatever_runs_there(
    session: Session, photo: int, tmp_path: Path
) -> None:
    decisions.reject(session, [photo], ["dog"], now=NOW)
    decisions.add(session, [photo], ["Rex"], now=NOW)
    lines = list(decision_files.export(session))
    other = open_database(f"sqlite:///{tmp_path}/other.db", upgrade=True)
    with other.write() as there:
        add_photos(there, "b.jpg", "c.jpg")
        (same,) = add_photos(there, "a.jpg", root="/elsewhere")
        decision_files.read(there, lines, now=NOW)
        tag_photo(there, same, {"dog": 0.9, "beach": 0.5})
        retag(there, same, {"dog": 0.99, "sea": 0.5}, model="e")

        assert state(there, same).keys() == {"dog", "Rex", "sea"}
        assert (query.find_ids(there, "dog"), query.find_ids(there, "rex")) == ([], [same])
    other.close()


def test_new_run_renews_the_scores_of_a_decided_keyword_and_not_the_decision(
    session: Session, photo: int
) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    retag(session, photo, {"dog": 0.2})
    row = session.scalars(select(PhotoTag).join(Tag).where(Tag.key == "dog")).one()

    assert (row.confidence, row.decision) == (1.0, Decision.CONFIRMED)
    assert row.similarity == pytest.approx(0.05)


def test_decision_holds_for_every_copy_of_a_photo(session: Session, photo: int) -> None:
    decisions.reject(session, [photo], ["dog"], now=NOW)
    root = roots.register_root(session, Path("/photos"))
    files.register_files(session, root.id, [seen("copy of a.jpg", "a.jpg")], now=NOW)

    assert len(query.get_photo(session, photo).files) == 2
    assert query.find_ids(session, "dog") == []


def test_removed_machine_keyword_is_rejected_and_a_persons_own_is_gone(
    session: Session, photo: int
) -> None:
    decisions.add(session, [photo], ["Rex"], now=NOW)
    decisions.remove(session, [photo], ["Rex", "dog"], now=NOW)

    assert "Rex" not in state(session, photo)
    assert state(session, photo)["dog"] == ("clip", "rejected")


def test_removing_what_a_person_rejected_leaves_it_rejected(session: Session, photo: int) -> None:
    decisions.reject(session, [photo], ["cat"], now=NOW)

    assert decisions.remove(session, [photo], ["cat"], now=NOW).changed == 0
    assert state(session, photo)["cat"] == ("person", "rejected")


def test_confirming_a_keyword_that_a_photo_has_not_changes_nothing(
    session: Session, photo: int
) -> None:
    (other,) = add_photos(session, "b.jpg")
    change = decisions.confirm(session, [other, photo], ["dog"], now=NOW)

    assert (change.changed, change.photos) == (1, 1)
    assert state(session, other) == {}


def test_last_word_counts(session: Session, photo: int) -> None:
    decisions.reject(session, [photo], ["dog"], now=NOW)
    decisions.add(session, [photo], ["dog"], now=NOW)

    assert query.find_ids(session, "dog") == [photo]


def test_alias_decides_about_its_keyword(session: Session) -> None:
    (photo,) = add_photos(session, "a.jpg")
    specs = {"dog": store.TagSpec("dog", (("dogs", None), ("собака", "ru")))}
    tag_photo(session, photo, {"dog": 0.9}, specs=specs)
    decisions.reject(session, [photo], ["Собака"], now=NOW)

    assert state(session, photo) == {"dog": ("clip", "rejected")}


LEXICON = dict.fromkeys(
    ("airplane", "plane"), store.TagSpec("airplane", (("plane", None),), ("vehicle",))
)


def test_new_word_is_the_keyword_that_a_vocabulary_has_it_as_an_alias_of(
    session: Session, photo: int
) -> None:
    decisions.add(session, [photo], ["airplane"], now=NOW)
    (other,) = add_photos(session, "b.jpg")
    asked: list[str] = []

    def look_up(keys: Collection[str]) -> store.Lexicon:
        asked.extend(keys)
        return LEXICON

    change = decisions.add(session, [other], ["Plane", "dog"], now=NOW, look_up=look_up)

    assert state(session, other).keys() == {"airplane", "dog"}
    assert (change.meant, asked) == ({"Plane": "airplane"}, ["plane"])
    assert query.find_ids(session, "plane") == query.find_ids(session, "airplane")
    assert decisions.reject(session, [photo], ["plane"], now=NOW).changed == 1


def test_undo_restores_what_was_before_step_by_step(session: Session, photo: int) -> None:
    before = state(session, photo)
    decisions.add(session, [photo], ["Rex"], now=NOW)
    middle = state(session, photo)
    decisions.reject(session, [photo], ["dog", "holiday", "cat"], now=NOW)

    assert decisions.undo(session, now=NOW).changed == 3
    assert state(session, photo) == middle
    decisions.undo(session, now=NOW)
    assert state(session, photo) == before
    with pytest.raises(NotFoundError, match="no decision to undo"):
        decisions.undo(session, now=NOW)


def test_undo_by_name_takes_back_one_change_of_many_photos(session: Session) -> None:
    photos = add_photos(session, "a.jpg", "b.jpg", "c.jpg")
    first = decisions.add(session, photos, ["trip"], now=NOW)
    decisions.add(session, photos, ["summer"], now=NOW)

    assert decisions.undo(session, now=NOW, change_id=first.change_id).photos == 3
    assert [set(state(session, photo)) for photo in photos] == [{"summer"}] * 3


def test_change_of_more_photos_than_a_batch_is_undone_whole(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "BATCH", 4)
    photos = add_photos(session, *(f"{n}.jpg" for n in range(6)))
    decisions.add(session, photos, ["first"], now=NOW)
    decisions.add(session, photos, ["trip", "summer"], now=NOW)

    undone = decisions.undo(session, now=NOW)

    assert (undone.changed, undone.photos) == (12, 6)
    assert [set(state(session, photo)) for photo in photos] == [{"first"}] * 6
    assert decisions.undo(session, now=NOW).photos == 6
    assert [state(session, photo) for photo in photos] == [{}] * 6
    with pytest.raises(NotFoundError, match="no decision to undo"):
        decisions.undo(session, now=NOW)


def test_change_is_counted_once_for_a_photo_that_stands_in_two_batches(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "BATCH", 2)
    photos = add_photos(session, "a.jpg", "b.jpg", "c.jpg")

    change = decisions.add(session, [*photos, photos[0]], ["trip"], now=NOW)

    assert (change.changed, change.photos) == (3, 3)
    assert decisions.undo(session, now=NOW).photos == 3
    assert [state(session, photo) for photo in photos] == [{}] * 3


def test_photos_that_an_undo_left_out_are_undone_by_the_next(session: Session) -> None:
    photos = add_photos(session, "a.jpg", "b.jpg")
    decisions.add(session, photos, ["trip"], now=NOW)
    decisions.undo(session, now=NOW)
    decisions.add(session, photos[:1], ["trip"], now=NOW)
    is_undone = (PhotoEvent.kind == EventKind.UNDONE) & (PhotoEvent.photo_id == photos[1])
    session.execute(delete(PhotoEvent).where(is_undone))  # as a Kadr that stopped half-way did

    assert decisions.undo(session, now=NOW).photos == 1
    assert decisions.undo(session, now=NOW).photos == 1
    with pytest.raises(NotFoundError, match="no decision to undo"):
        decisions.undo(session, now=NOW)


def test_undone_confirmation_has_its_confidence_back(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    decisions.undo(session, now=NOW)
    row = session.scalars(select(PhotoTag).join(Tag).where(Tag.key == "dog")).one()

    assert (row.confidence, row.source) == (pytest.approx(0.9), Source.CLIP)


def test_decision_that_changes_nothing_leaves_no_trace(session: Session, photo: int) -> None:
    decisions.add(session, [photo], ["Rex"], now=NOW)
    history = len(query.get_photo(session, photo).history)
    again = decisions.add(session, [photo], ["rex"], now=NOW)

    assert (again.changed, again.change_id) == (0, "")
    assert len(query.get_photo(session, photo).history) == history


def test_unknown_keyword_cannot_be_confirmed_or_removed(session: Session, photo: int) -> None:
    for decide in (decisions.confirm, decisions.remove):
        with pytest.raises(NotFoundError, match="'unicorn' is not a keyword of this catalogue"):
            decide(session, [photo], ["unicorn"], now=NOW)


def test_empty_word_is_no_keyword(session: Session, photo: int) -> None:
    with pytest.raises(NotFoundError, match="'  ' is not a keyword"):
        decisions.add(session, [photo], ["  "], now=NOW)


def test_word_of_3000_characters_is_no_keyword(session: Session, photo: int) -> None:
    before = state(session, photo)
    for decide in (decisions.add, decisions.reject):
        with pytest.raises(KeywordError, match="3000 characters; a keyword may have at most 100"):
            decide(session, [photo], ["fine", "x" * 3000], now=NOW)

    assert state(session, photo) == before


def test_machine_tags_can_be_dropped_alone(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    decisions.add(session, [photo], ["Rex"], now=NOW)

    assert decisions.drop_machine_tags(session) == 1
    assert set(state(session, photo)) == {"dog", "Rex", "holiday"}
    assert decisions.drop_machine_tags(session, [photo]) == 0


def test_exported_decisions_can_be_imported_where_the_photos_are(
    session: Session, photo: int
) -> None:
    decisions.reject(session, [photo], ["dog"], now=NOW)
    decisions.add(session, [photo], ["ёлка"], now=NOW)
    lines = list(decision_files.export(session))
    decisions.undo(session, now=NOW)
    decisions.undo(session, now=NOW)
    unknown = lines[0].replace(lines[0][11:75], "0" * 64)

    done = decision_files.read(session, [*lines, "", unknown], now=NOW)

    assert (done.changed, done.unknown_photos) == (2, 1)
    assert list(decision_files.export(session)) == lines
    assert decision_files.read(session, lines, now=NOW).changed == 0


def test_imported_decision_is_about_the_keyword_of_this_vocabulary(
    session: Session, photo: int
) -> None:
    decisions.add(session, [photo], ["plane"], now=NOW)
    lines = list(decision_files.export(session))
    session.execute(delete(PhotoTag))
    session.execute(delete(Tag))

    decision_files.read(session, lines, now=NOW, look_up=lambda _keys: LEXICON)

    assert state(session, photo) == {"airplane": ("person", "confirmed")}


@pytest.mark.parametrize(
    "line", ["no json", "[]", '{"photo": "zz", "keyword": "a", "decision": "confirmed"}', "{}"]
)
def test_line_that_is_no_decision_is_refused_with_its_number(session: Session, line: str) -> None:
    with pytest.raises(DecisionFileError, match="line 1 is not a decision"):
        decision_files.read(session, [line], now=NOW)


def test_decisions_about_many_photos_take_few_statements(session: Session) -> None:
    photos = add_photos(session, *(f"{n}.jpg" for n in range(50)))
    statements: list[str] = []

    def count(*arguments: object) -> None:
        statements.append(str(arguments[2]))

    event.listen(session.get_bind(), "before_cursor_execute", count)
    change = decisions.add(session, photos, ["trip", "summer"], now=NOW)
    event.remove(session.get_bind(), "before_cursor_execute", count)

    assert (change.changed, change.photos) == (100, 50)
    assert [len(state(session, photo)) for photo in photos] == [2] * 50
    assert len(statements) < 15
