"""Shows what would be written into sidecars, and compares catalogue and file; writes nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog import paths, spelling
from catalog.photos import sidecar_lists, sidecar_policy, sidecar_writes
from catalog.photos.sidecar_policy import Policy
from catalog.photos.sidecar_writes import Job
from catalog.tags import sidecar_words
from catalog.tags.sidecar_words import Spoken
from worker.errors import MetadataError, SidecarError
from worker.metadata import composing, document, keywords, xmp
from worker.metadata.composing import Added, Wanted
from worker.sidecars import disk, writer
from worker.sidecars.writer import Writer

#: More sidecars than there are.
_ALL = 10_000_000


@dataclass(frozen=True, slots=True)
class Preview:
    """What a write would do to one sidecar."""

    path: Path
    is_new: bool
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    #: Rejected words of other programs that would be taken out.
    cleared: tuple[str, ...] = ()
    #: The words are the same, but the file would say it in more fields, or note a decision.
    is_changed: bool = False
    #: The file would be deleted.
    is_deleted: bool = False
    #: Why it would not be written.
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One sidecar in three versions; words by their spelling."""

    path: Path
    #: As the catalogue read and wrote it last.
    base: tuple[str, ...]
    #: What the catalogue says: confirmed, proposed, rejected.
    ours: Wanted
    #: What the catalogue says because files or sidecars do.
    read: tuple[str, ...]
    #: What is in the file now: of others, and of Kadr.
    theirs: tuple[str, ...]
    written: tuple[str, ...]
    withdrawn: tuple[str, ...]
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class _Plan:
    jobs: Sequence[Job]
    spoken: Mapping[int, Spoken]
    policies: Mapping[int, Policy]

    def wanted(self, job: Job) -> Wanted:
        return writer.wanted(job, self.spoken[job.photo_id], self.policies)


def preview(writing: Writer, photo_ids: Collection[int] | None) -> Iterator[Preview]:
    """Yield what `kadr metadata write` would do, sidecar by sidecar, without what stays the same.

    Args:
        writing: The writer that would do it.
        photo_ids: The photos it is about; None for all.
    """
    plan = _plan(writing, photo_ids, is_write=True)
    seen: set[Path] = set()
    for job in plan.jobs:
        shown = _preview(writing, job, plan.wanted(job))
        if shown is not None and shown.path not in seen:
            seen.add(shown.path)
            yield shown


def preview_withdrawal(writing: Writer, photo_ids: Collection[int] | None) -> Iterator[Preview]:
    """Yield what `kadr metadata withdraw` would do, sidecar by sidecar.

    Args:
        writing: The writer that would do it.
        photo_ids: The photos it is about; None for all.
    """
    with writing.database.write() as session:
        claim = sidecar_writes.claim_written(
            session, photo_ids, after=0, limit=_ALL, lease_s=1, now=writing.clock()
        )
        session.rollback()
    for job in claim.jobs:
        path = writing.place_of(job)
        try:
            before, after, is_deleted = writing.compose_withdrawal(job)
        except SidecarError as error:
            yield Preview(path, is_new=False, failure=str(error))
            continue
        if before is not None and (after is not None or is_deleted):
            old, new = _words(before), _words(after)
            gone = tuple(word for key, word in old.items() if key not in new)
            yield Preview(path, is_new=False, removed=gone, is_changed=True, is_deleted=is_deleted)


def compare(writing: Writer, photo_id: int) -> list[Comparison]:
    """Return the sidecars of a photo as they were, as the catalogue wants them, as they are."""
    plan = _plan(writing, [photo_id], is_write=False)
    with writing.database.read() as session:
        read = sidecar_words.find_read(session, photo_id)
    found = [_compare(writing.place_of(job), job, plan.wanted(job), read) for job in plan.jobs]
    return list({each.path: each for each in reversed(found)}.values())[::-1]


def _plan(writing: Writer, photo_ids: Collection[int] | None, *, is_write: bool) -> _Plan:
    """Return the jobs that a write would have, or all; what is marked and leased is rolled back."""
    now, is_forced = writing.clock(), writing.options.is_forced or not is_write
    with writing.database.write() as session:
        sidecar_words.mark_all_due(session, now=now, photo_ids=photo_ids, with_contested=is_forced)
        if is_write:
            claimed = sidecar_writes.claim(
                session, limit=_ALL, lease_s=1, now=now, is_forced=is_forced, photo_ids=photo_ids
            )
            jobs: Sequence[Job] = claimed.jobs
        else:
            jobs = sidecar_lists.find_jobs(session, photo_ids or ())
        spoken = sidecar_words.find(session, {job.photo_id for job in jobs})
        plan = _Plan(jobs, spoken, sidecar_policy.load(session))
        session.rollback()
    return plan


def _preview(writing: Writer, job: Job, what: Wanted) -> Preview | None:
    path = paths.join(job.root, job.path)
    try:
        path, before, composed = writing.compose(job, what)
    except SidecarError as error:
        return Preview(path, is_new=False, failure=str(error))
    if composed.data is None:
        return None
    old, new = _words(before), _words(composed.data)
    return Preview(
        path,
        is_new=before is None,
        added=tuple(word for key, word in new.items() if key not in old),
        removed=tuple(word for key, word in old.items() if key not in new),
        cleared=() if before is None else composed.cleared,
        is_changed=True,
    )


def _words(data: bytes | None) -> dict[str, str]:
    if data is None:
        return {}
    found = keywords.collect(xmp.parse(data).fields)
    return {spelling.fold(each.word): each.word for each in found}


def _compare(path: Path, job: Job, what: Wanted, read: Sequence[str]) -> Comparison:
    known: Sequence[Sequence[str]] = (job.words or {}).get("keywords", ())
    base = dict.fromkeys([*(word for word, *_ in known), *_flat(job.wrote)])
    try:
        found = disk.read(path)
        said = xmp.Xmp() if found is None else xmp.read(document.load(found.data))
        failure = None
    except (SidecarError, MetadataError) as error:
        said, failure = xmp.Xmp(), str(error)
    theirs = keywords.collect(composing.foreign_fields(said, Added.from_json(job.wrote)))
    others = {spelling.fold(each.word) for each in theirs}
    there = [each.word for each in keywords.collect(said.fields)]
    return Comparison(
        path=path,
        base=tuple(base),
        ours=what,
        read=tuple(read),
        theirs=tuple(each.word for each in theirs),
        written=tuple(word for word in there if spelling.fold(word) not in others),
        withdrawn=what.withdrawn,
        failure=failure,
    )


def _flat(wrote: Mapping[str, Any] | None) -> Sequence[str]:
    words: Sequence[str] = (wrote or {}).get("flat", ())
    return words
