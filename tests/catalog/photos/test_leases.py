"""Claims, renewals, the sweep: whatever dies, nothing is lost and nothing is tagged twice."""

import ast
import threading
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event, select

from catalog.db.database import Database, open_database
from catalog.db.tables import Photo, PhotoState
from catalog.photos import lifecycle, said
from catalog.tags import results, taggers
from tests.support.catalogue import NOW, TAGGER, add_photos, tag_photo


def claim(session, photo_ids, *, now=NOW, limit=10):
    return lifecycle.claim_photos(session, photo_ids, limit=limit, lease_s=60, now=now)


def claimed_ids(batch):
    return [photo.photo_id for photo in batch.photos]


def test_a_photo_is_claimed_once(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg", "b.jpg")

        first, second = claim(session, photo_ids), claim(session, photo_ids)

        assert claimed_ids(first) == photo_ids
        assert [str(photo.places[0].path) for photo in first.photos] == [
            "/photos/a.jpg",
            "/photos/b.jpg",
        ]
        assert second.photos == ()


def test_what_else_is_pending_is_not_read(sqlite_url: str):
    """A claim once read every pending photo: a backfill's time grew with the square of its size."""
    plans: list[str] = []

    def explain(connection, _cursor, statement, values, *_):
        if " photo " in statement and not statement.startswith(("EXPLAIN", "INSERT")):
            found = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            plans.extend(row.detail for row in found)

    with open_database(sqlite_url, upgrade=False) as database, database.write() as session:
        photo_ids = add_photos(session, "a.jpg", "b.jpg")
        event.listen(database.engine, "before_cursor_execute", explain)

        lifecycle.mark_rung(session, photo_ids, now=NOW)
        batch = claim(session, photo_ids)
        owned = lifecycle.find_owned(session, batch.token, photo_ids)
        lifecycle.mark_like(session, {photo_ids[0]: photo_ids[1]}, now=NOW)
        lifecycle.retry_returned(session, photo_ids, now=NOW)
        lifecycle.restart(session, photo_ids, now=NOW)
        said.find_unread(session, after=0, limit=10, photo_ids=photo_ids)

    assert owned == set(photo_ids)
    assert [
        plan for plan in plans if "ix_photo_state" in plan or plan.startswith("SCAN photo")
    ] == []
    assert sum("INTEGER PRIMARY KEY (rowid=?)" in plan for plan in plans) >= 8


def test_two_workers_never_share_a_photo(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, *(f"{n}.jpg" for n in range(40)))
    taken: list[int] = []

    def work() -> None:
        while True:
            with database.write() as session:
                batch = claim(session, photo_ids, limit=3)
            if not batch.photos:
                return
            taken.extend(claimed_ids(batch))

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sorted(taken) == sorted(photo_ids)


def test_an_expired_lease_is_freed_and_rung_for(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        claim(session, photo_ids)

        assert lifecycle.sweep(session, now=NOW + timedelta(seconds=59)) == []
        assert lifecycle.sweep(session, now=NOW + timedelta(seconds=61)) == photo_ids
        assert claimed_ids(claim(session, photo_ids)) == photo_ids


def test_a_renewed_lease_outlives_the_sweep(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        batch = claim(session, photo_ids)
        later = NOW + timedelta(seconds=50)
        assert lifecycle.renew_lease(session, batch.token, lease_s=60, now=later) == 1

        assert lifecycle.sweep(session, now=NOW + timedelta(seconds=100)) == []


def test_a_lost_ring_is_rung_again_but_not_at_every_sweep(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        after = NOW + timedelta(seconds=lifecycle.RING_AGAIN_S / 2)

        assert lifecycle.sweep(session, now=NOW) == []
        assert lifecycle.sweep(session, now=after) == photo_ids
        assert lifecycle.sweep(session, now=after + timedelta(seconds=1)) == []


def test_an_empty_queue_while_nobody_works_makes_every_pending_photo_due(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg", "b.jpg")
        lifecycle.mark_rung(session, photo_ids, now=NOW)  # and then the broker is emptied
        later = NOW + timedelta(seconds=10)

        assert lifecycle.sweep(session, now=later) == []
        assert lifecycle.sweep(session, now=later, is_queue_empty=True) == photo_ids


def test_an_empty_queue_while_somebody_works_is_no_loss(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg", "b.jpg")
        lifecycle.mark_rung(session, photo_ids, now=NOW)
        claim(session, photo_ids, limit=1)
        later = NOW + timedelta(seconds=10)

        assert lifecycle.sweep(session, now=later, is_queue_empty=True) == []


def test_photos_in_hand_when_workers_die_are_claimed_last_alone_and_never_put_aside(
    database: Database,
):
    with database.write() as session:
        *unlucky, other = photo_ids = add_photos(session, "a.jpg", "b.jpg", "c.jpg")
        now = NOW
        for _ in range(10):  # the worker dies: nobody renews
            claim(session, unlucky, now=now)
            now += timedelta(seconds=61)
            lifecycle.sweep(session, now=now)

        first, second = claim(session, photo_ids, now=now), claim(session, photo_ids, now=now)

        assert claimed_ids(first) == [other]
        assert len(second.photos) == 1
        assert second.photos[0].photo_id in unlucky
        quarantined = select(Photo.id).where(Photo.state == PhotoState.QUARANTINED)
        assert session.scalars(quarantined).all() == []


def test_a_claim_given_back_costs_no_attempt(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        for _ in range(5):
            batch = claim(session, photo_ids)
            assert lifecycle.release_claim(session, batch.token, now=NOW) == photo_ids

        assert session.scalars(select(Photo.attempts)).one() == 0


def test_the_result_of_a_lost_lease_is_dropped(database: Database):
    with database.write() as session:
        (photo_id,) = photo_ids = add_photos(session, "a.jpg")
        slow = claim(session, photo_ids)
        later = NOW + timedelta(seconds=61)
        lifecycle.sweep(session, now=later)
        tag_photo(session, photo_id, {"dog": 0.9})
        late = results.TaggedPhoto(photo_id, [0, 0, 0, 1], results.PhotoFacts(1, 1, "jpeg"), ())
        tagger_id = taggers.ensure_tagger(session, TAGGER)

        done = results.record_tagged(
            session, slow.token, [late], tagger_id=tagger_id, words={}, now=later
        )

        assert done == 0
        assert session.scalars(select(Photo.width)).one() == 640


def test_a_photo_whose_file_is_gone_is_not_claimed(database: Database):
    from catalog.photos import files

    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        files.mark_missing(session, 1, ["a.jpg"], now=NOW)

        assert claim(session, photo_ids).photos == ()


def test_a_postponed_photo_waits_for_its_file_and_no_attempt_is_counted(database: Database):
    with database.write() as session:
        photo_ids = add_photos(session, "a.jpg")
        now = NOW
        for _ in range(4):
            batch = claim(session, photo_ids, now=now)
            lifecycle.postpone(session, batch.token, {photo_ids[0]: "a.jpg: gone"}, now=now)
            now += timedelta(seconds=60)
        session.expire_all()

        photo = session.scalars(select(Photo)).one()
        assert (photo.state, photo.attempts, photo.failure) == (
            PhotoState.PENDING,
            0,
            "a.jpg: gone",
        )
        assert lifecycle.sweep(session, now=now) == photo_ids


def test_only_lifecycle_sets_the_state_of_a_photo():
    root = Path(__file__).parents[3]
    sources = [*(root / "catalog").rglob("*.py"), *(root / "worker").rglob("*.py")]
    owner = root / "catalog" / "photos" / "lifecycle.py"
    setters = {path for path in sources if _sets_a_state(ast.parse(path.read_bytes()))}

    assert setters - {root / "catalog" / "requests" / "jobs.py"} == {owner}  # of a job, not a photo


def _sets_a_state(module: ast.Module) -> bool:
    """Return whether code assigns `.state`, or names a new state in a call or in a row's dict."""
    for node in ast.walk(module):
        match node:
            case ast.Attribute(attr="state", ctx=ast.Store()):
                return True
            case ast.Call(func=ast.Attribute(attr="values")):
                words = [word.value for word in node.keywords if word.arg == "state"]
                if not all(_is_state_of_another(value) for value in words):
                    return True
            case ast.Call():
                if any(word.arg == "state" and _is_state(word.value) for word in node.keywords):
                    return True
            case ast.Dict():
                pairs = zip(node.keys, node.values, strict=True)
                if any(_is_text(key, "state") and _is_state(value) for key, value in pairs):
                    return True
    return False


def _is_state(value: ast.expr) -> bool:
    return ast.unparse(value).startswith(("PhotoState", "tables.PhotoState"))


def _is_state_of_another(value: ast.expr) -> bool:
    """Return whether it is the state of a sidecar or a job, whatever else is unknown."""
    return ast.unparse(value).startswith(("SidecarState.", "JobState."))


def _is_text(node: ast.expr | None, text: str) -> bool:
    return isinstance(node, ast.Constant) and node.value == text
