"""Sidecars that are to be written: marked with the decision, leased, recorded, swept, given up."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalog.db.database import Database
from catalog.db.tables import PhotoFile, Root, Sidecar, SidecarState
from catalog.errors import NotFoundError, SettingsError
from catalog.paths import FileStat
from catalog.photos import (
    files,
    history,
    roots,
    sidecar_due,
    sidecar_lists,
    sidecar_policy,
    sidecar_writes,
)
from catalog.photos.history import EventKind
from catalog.photos.sidecar_policy import Policy
from catalog.photos.sidecar_writes import Claim, Ending, Outcome
from catalog.tags import decisions, sidecar_words
from tests.support.catalogue import NOW, add_photos, seen, tag_photo

LATER = NOW + timedelta(seconds=10)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.write() as opened:
        yield opened


@pytest.fixture
def photo(session: Session) -> int:
    """A tagged photo in a root whose policy is `confirmed`."""
    (photo_id,) = add_photos(session, "a/IMG.jpg")
    sidecar_policy.set_policy(session, "/photos", sidecar_policy.parse("confirmed"))
    tag_photo(session, photo_id, {"dog": 0.9, "sea": 0.5})
    return photo_id


def rows(session: Session) -> dict[str, SidecarState]:
    session.expire_all()
    return dict(session.execute(select(Sidecar.path, Sidecar.state)).all())


def claim(session: Session, **options: bool) -> Claim:
    return sidecar_writes.claim(session, limit=10, lease_s=60, now=LATER, **options)


def record(session: Session, held: Claim, ending: Ending, **more: object) -> int:
    outcomes = [Outcome(job, ending, **more) for job in held.jobs]  # type: ignore[arg-type]
    return sidecar_writes.record(session, held.token, outcomes, now=LATER)


def write(session: Session, *, is_turn: bool = False) -> int:
    """Take what is due the whole way."""
    stat, digest = FileStat(3, 4, 5), b"\1" * 32
    return record(
        session,
        claim(session),
        Ending.WRITTEN,
        stat=stat,
        sha256=digest,
        wrote={"flat": ["dog"]},
        is_ours=True,
        is_turn=is_turn,
    )


def test_decision_plans_a_sidecar_in_the_same_transaction(session: Session, photo: int) -> None:
    assert rows(session) == {}
    decisions.confirm(session, [photo], ["dog"], now=NOW)

    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.DUE}
    due_at = session.scalar(select(Sidecar.due_at))
    assert due_at == NOW + timedelta(seconds=sidecar_due.DEBOUNCE_S)
    assert sidecar_writes.claim(session, limit=10, lease_s=60, now=NOW).jobs == ()


def test_nothing_is_marked_where_the_policy_is_off(session: Session) -> None:
    (photo,) = add_photos(session, "IMG.jpg")
    tag_photo(session, photo, {"dog": 0.9})
    decisions.confirm(session, [photo], ["dog"], now=NOW)

    assert rows(session) == {}


def test_undo_marks_too(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    write(session)
    decisions.undo(session, now=NOW)

    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.DUE}


def test_machine_words_mark_where_a_confidence_is_the_policy(session: Session) -> None:
    (photo,) = add_photos(session, "IMG.jpg")
    sidecar_policy.set_policy(session, "photos", sidecar_policy.parse("0.7"))
    tag_photo(session, photo, {"dog": 0.9, "sea": 0.5})
    said = sidecar_words.find(session, [photo])[photo]

    assert rows(session) == {"IMG.jpg.xmp": SidecarState.DUE}
    assert said.proposed_under(Policy(is_on=True, least=0.7)) == [("dog",)]
    assert said.proposed_under(Policy(is_on=True)) == []


def test_words_of_files_are_not_said_again(session: Session) -> None:
    (photo,) = add_photos(session, "IMG.jpg")
    tag_photo(session, photo, {"dog": 0.9, "sea": 0.5}, keywords=("holiday",))
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    decisions.reject(session, [photo], ["sea", "lamp"], now=NOW)
    said = sidecar_words.find(session, [photo])[photo]

    assert (said.confirmed, said.proposed, said.rejected) == ([("dog",)], [], ["lamp", "sea"])


def test_existing_sidecars_are_due_instead_of_a_new_one(session: Session, photo: int) -> None:
    file_id, root_id = session.execute(select(PhotoFile.id, PhotoFile.root_id)).one()
    for path in ("a/IMG.xmp", "a/IMG.jpg.json"):
        session.add(Sidecar(root_id=root_id, path=path, file_id=file_id, mtime_ns=1))
    session.flush()
    decisions.confirm(session, [photo], ["dog"], now=NOW)

    assert rows(session) == {"a/IMG.xmp": SidecarState.DUE, "a/IMG.jpg.json": SidecarState.SEEN}


def test_each_copy_has_its_own(session: Session, photo: int) -> None:
    root_id = roots.register_root(session, Path("/photos")).id
    files.register_files(session, root_id, [seen("b/IMG.jpg", "a/IMG.jpg")], now=NOW)
    decisions.confirm(session, [photo], ["dog"], now=NOW)

    assert set(rows(session)) == {"a/IMG.jpg.xmp", "b/IMG.jpg.xmp"}


def test_written_sidecar_is_recorded_and_told(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    (job,) = (held := claim(session)).jobs
    assert (job.file, job.path, job.is_known, job.is_ours) == (
        "a/IMG.jpg",
        "a/IMG.jpg.xmp",
        False,
        False,
    )
    assert claim(session).jobs == ()
    stat = FileStat(3, 4, 5)
    record(session, held, Ending.WRITTEN, stat=stat, sha256=b"\1" * 32, wrote={"flat": ["dog"]})

    row = session.scalars(select(Sidecar)).one()
    session.refresh(row)
    assert (row.state, row.attempts, row.lease_token) == (SidecarState.WRITTEN, 0, None)
    assert (row.size_bytes, row.mtime_ns, row.ctime_ns) == (3, 4, 5)
    assert (row.sha256, row.wrote_sha256) == (b"\1" * 32, b"\1" * 32)
    assert EventKind.METADATA_WRITTEN in _kinds(session, photo)


def _kinds(session: Session, photo: int) -> list[str]:
    from catalog import query

    return [event.kind for event in query.get_photo(session, photo).history]


def test_planned_sidecar_with_nothing_to_say_is_forgotten(session: Session, photo: int) -> None:
    decisions.reject(session, [photo], ["dog"], now=NOW)
    record(session, claim(session), Ending.NOTHING)

    assert rows(session) == {}


def test_decision_during_a_lease_makes_the_sidecar_due_again(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    held = claim(session)
    decisions.confirm(session, [photo], ["sea"], now=NOW)

    assert record(session, held, Ending.WRITTEN) == 0
    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.DUE}


def test_lease_of_a_dead_writer_ends_and_after_three_of_them_the_sidecar_is_left(
    session: Session, photo: int
) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    for n in range(1, 5):
        now = NOW + timedelta(minutes=2 * n)
        held = sidecar_writes.claim(session, limit=1, lease_s=60, now=now)
        assert len(held.jobs) == (1 if n <= 3 else 0)
        sidecar_writes.sweep(session, now=now + timedelta(minutes=1))

    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.FAILED}
    (problem,) = sidecar_lists.find_problems(session)
    assert "died 3 times" in problem.failure


def test_full_disk_is_tried_again_and_a_refused_file_is_not(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    record(session, claim(session), Ending.FAILED, failure="full", is_retried=True)
    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.FAILED}
    assert sidecar_writes.sweep(session, now=LATER) == 0
    assert sidecar_writes.sweep(session, now=LATER + timedelta(hours=1)) == 1

    decisions.confirm(session, [photo], ["sea"], now=NOW)
    record(session, claim(session), Ending.FAILED, failure="has a DOCTYPE")
    assert sidecar_writes.sweep(session, now=LATER + timedelta(days=9)) == 0


def test_stopped_writer_gives_back_what_it_holds(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    held = claim(session)
    sidecar_writes.release(session, held.token, now=NOW)

    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.DUE}
    assert session.scalar(select(Sidecar.attempts)) == 0


@pytest.mark.parametrize("reason", ["withdrawn", "turns"])
def test_contested_sidecar_is_left_alone_until_it_is_forced(
    session: Session, photo: int, reason: str
) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    if reason == "withdrawn":
        write(session)
        for _ in range(2):
            history.add_events(session, [photo], EventKind.WITHDRAWN, now=NOW)
    else:
        for _ in range(5):
            sidecar_due.mark_due(session, [photo], now=NOW)
            write(session, is_turn=True)
    decisions.confirm(session, [photo], ["sea"], now=NOW)

    assert claim(session).jobs == ()
    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.CONTESTED}
    decisions.reject(session, [photo], ["sea"], now=NOW)
    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.CONTESTED}
    sidecar_words.mark_all_due(session, now=NOW, with_contested=True)
    assert len(claim(session, is_forced=True).jobs) == 1


def test_own_decisions_one_after_another_contest_nothing(session: Session, photo: int) -> None:
    for n in range(9):
        decisions.add(session, [photo], [f"word {n}"], now=NOW)
        assert write(session) == 1


def test_photo_that_is_gone_leaves_its_sidecar_alone(session: Session, photo: int) -> None:
    decisions.confirm(session, [photo], ["dog"], now=NOW)
    write(session)
    decisions.confirm(session, [photo], ["sea"], now=NOW)
    session.execute(update(PhotoFile).values(missing_since=NOW))

    assert claim(session).jobs == ()
    assert rows(session) == {"a/IMG.jpg.xmp": SidecarState.SEEN}


def test_another_policy_marks_what_it_says_of_all_photos(session: Session, photo: int) -> None:
    sidecar_policy.set_policy(session, "photos", sidecar_policy.parse("0.7"))
    assert sidecar_words.mark_all_due(session, now=NOW) == 1
    assert sidecar_words.mark_all_due(session, now=NOW, photo_ids=[photo + 1]) == 0
    sidecar_policy.set_policy(session, "photos", sidecar_policy.parse("0.95"))
    session.query(Sidecar).delete()
    assert sidecar_words.mark_all_due(session, now=NOW) == 0


@pytest.mark.parametrize(
    ("text", "shown"), [("off", "off"), (" Confirmed", "confirmed"), ("0.70", "0.7"), (".5", "0.5")]
)
def test_policies_are_read_as_people_write_them(text: str, shown: str) -> None:
    assert str(sidecar_policy.parse(text)) == shown


@pytest.mark.parametrize("text", ["on", "70", "1.5", "-1", ""])
def test_other_policies_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="write off, confirmed, or a confidence"):
        sidecar_policy.parse(text)


def test_policy_of_a_root_goes_before_the_setting(
    session: Session, photo: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KADR_SIDECARS", "0.5")
    add_photos(session, "x.jpg", root="/other")
    found = {each.name: str(each.policy) for each in sidecar_policy.list_roots(session)}

    assert found == {"photos": "confirmed", "other": "0.5"}
    sidecar_policy.set_policy(session, "photos", None)
    assert session.scalars(select(Root.sidecars).where(Root.name == "photos")).one() is None
    with pytest.raises(NotFoundError, match=r"there is other \(/other\), photos"):
        sidecar_policy.set_policy(session, "elsewhere", None)
