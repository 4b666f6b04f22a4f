"""Writes the sidecars that are due: claims them, writes each file, records what became of it.

`loop` and `kadr metadata write` call it. One sidecar that cannot be written costs that sidecar.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog

from catalog import paths
from catalog.db.database import Database
from catalog.photos import sidecar_policy, sidecar_writes
from catalog.photos.sidecar_policy import Policy
from catalog.photos.sidecar_writes import Claim, Ending, Job, Outcome, Tally
from catalog.tags import sidecar_words
from catalog.tags.sidecar_words import Spoken
from worker.errors import MetadataError, SidecarError
from worker.metadata import clearing, composing, sidecar_names
from worker.metadata.clearing import Cleared
from worker.metadata.composing import Added, Composed, Style, Wanted
from worker.settings import Settings
from worker.sidecars import disk, seeds
from worker.sidecars.backup import Backup
from worker.sidecars.disk import Content
from worker.sidecars.naming import Folders

_log = structlog.get_logger()

#: Sidecars of one claim; far fewer than a lease lets one write.
BATCH = 200
LEASE_S = 60.0
_SIDECAR_FOR = "photoshop:SidecarForExtension"


@dataclass(frozen=True, slots=True)
class Options:
    """How sidecars are written."""

    style: Style = field(default_factory=Style)
    #: `auto` or `adobe`: see `naming.Folders`.
    names: str = "auto"
    #: A folder that holds the sidecars of all roots instead; it mirrors the paths of photos.
    folder: Path | None = None
    #: Files with several names are written under one of them alone.
    break_links: bool = False
    #: Contested sidecars are written all the same.
    is_forced: bool = False
    #: Where sidecars are kept out of which rejected words of other programs are taken; None leaves
    #: these words where they are.
    clears_into: Backup | None = None

    @classmethod
    def of(
        cls,
        settings: Settings,
        *,
        break_links: bool = False,
        force: bool = False,
        clears_into: Backup | None = None,
    ) -> "Options":
        """Return what the settings say."""
        return cls(
            Style(settings.sidecar_root, with_broader=settings.sidecar_broader),
            settings.sidecar_names,
            settings.sidecar_dir,
            break_links,
            force,
            clears_into,
        )


@dataclass(slots=True)
class Writer:
    """Writes sidecars of a catalogue, a batch at a time."""

    database: Database
    options: Options = field(default_factory=Options)
    #: The roots that this host watches; None for all.
    root_ids: frozenset[int] | None = None
    #: The photos whose sidecars `write_batch` writes; None for all.
    photo_ids: frozenset[int] | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _folders: Folders = field(default_factory=Folders)

    def sweep(self) -> int:
        """Free what dead writers held; return how many sidecars are due again."""
        with self.database.write() as session:
            return sidecar_writes.sweep(session, now=self.clock())

    def write_batch(self, limit: int = BATCH) -> Tally:
        """Write up to `limit` sidecars that are due; an empty tally means that none is."""
        now = self.clock()
        with self.database.write() as session:
            claim = sidecar_writes.claim(
                session,
                limit=limit,
                lease_s=LEASE_S,
                now=now,
                is_forced=self.options.is_forced,
                root_ids=self.root_ids,
                photo_ids=self.photo_ids,
            )
            spoken = sidecar_words.find(session, {job.photo_id for job in claim.jobs})
            policies = sidecar_policy.load(session)
        if not claim.jobs:
            return Tally()
        self._folders = Folders(self.options.names)

        def wanted_of(job: Job) -> Wanted:
            return wanted(job, spoken[job.photo_id], policies)

        return self._work(claim, lambda job: self.write(job, wanted_of(job)))

    def withdraw_all(self, photo_ids: Collection[int] | None = None) -> Tally:
        """Take everything that Kadr wrote out of the sidecars of photos, or of all of them."""
        total, last = Tally(), 0
        while True:
            with self.database.write() as session:
                claim = sidecar_writes.claim_written(
                    session, photo_ids, after=last, limit=BATCH, lease_s=LEASE_S, now=self.clock()
                )
            if not claim.jobs:
                return total
            last = max(job.sidecar_id for job in claim.jobs)
            total += self._work(claim, self.withdraw)

    def write(self, job: Job, what: Wanted) -> Outcome:
        """Write one sidecar, unless it says already what it should.

        Raises:
            SidecarError: It cannot be written.
        """
        photo, path = self._places(job)
        if (moved := self._other_place(job, photo)) is not None:
            return Outcome(job, Ending.MOVED, path=moved)
        made: list[Composed] = []

        def make(found: Content | None) -> bytes | None:
            composed = self._compose(job, photo, path, what, found)
            made[:] = [composed]
            backup = self.options.clears_into
            if backup is not None and composed.cleared and found is not None and composed.data:
                backup.keep(job.root_name, job.path, path, found.data, composed.data)
            return composed.data

        done = disk.change(path, make, break_links=self.options.break_links)
        if done is None:
            is_there = made and disk.read(path) is not None
            kind = Ending.UNCHANGED if is_there else Ending.NOTHING
            return Outcome(job, kind, wrote=made[0].added.to_json() if is_there else None)
        self._folders.add(path)
        before = None if done.before is None else done.before.sha256
        return Outcome(
            job,
            Ending.WRITTEN,
            stat=done.stat,
            sha256=done.after.sha256,
            wrote=made[0].added.to_json(),
            is_ours=before is None or (job.is_ours and before == job.wrote_sha256),
            was_known=before in {None, job.sha256, job.wrote_sha256} and not made[0].cleared,
            is_turn=job.wrote_sha256 is not None and before not in {None, job.wrote_sha256},
        )

    def withdraw(self, job: Job) -> Outcome:
        """Take everything of Kadr's out of one sidecar; delete it if it is Kadr's and unchanged.

        Raises:
            SidecarError: It cannot be written.
        """
        _, path = self._places(job)
        if job.is_ours and job.wrote_sha256 and disk.delete(path, job.wrote_sha256):
            return Outcome(job, Ending.DELETED)

        def make(found: Content | None) -> bytes | None:
            return None if found is None else self._withdrawn(job, path, found)

        done = disk.change(path, make, break_links=self.options.break_links)
        if done is None:
            return Outcome(job, Ending.NOTHING)
        known = done.before is not None and done.before.sha256 in {job.sha256, job.wrote_sha256}
        return Outcome(
            job,
            Ending.WRITTEN,
            stat=done.stat,
            sha256=done.after.sha256,
            wrote=None,
            is_ours=False,
            was_known=known,
        )

    def compose_withdrawal(self, job: Job) -> tuple[bytes | None, bytes | None, bool]:
        """Return what a sidecar holds, what would be left, and whether it would be deleted.

        Raises:
            SidecarError: It cannot be written.
        """
        _, path = self._places(job, is_writing=False)
        found = disk.read(path)
        if found is None:
            return None, None, False
        is_deleted = job.is_ours and found.sha256 == job.wrote_sha256
        return found.data, None if is_deleted else self._withdrawn(job, path, found), is_deleted

    def _withdrawn(self, job: Job, path: Path, found: Content) -> bytes | None:
        added = Added.from_json(job.wrote)
        try:
            return composing.withdraw(found.data, now=self.clock(), added=added).data
        except MetadataError as error:
            raise SidecarError(f"{paths.printable(paths.to_text(path))}: {error}") from error

    def place_of(self, job: Job) -> Path:
        """Return the sidecar that a job is about; where it will be if it is only planned."""
        moved = None if job.is_known else self._other_place(job, paths.join(job.root, job.file))
        return paths.join(job.root, moved or job.path)

    def compose(self, job: Job, what: Wanted) -> tuple[Path, bytes | None, Composed]:
        """Return a sidecar's path, what it holds, and what it would hold.

        Raises:
            SidecarError: It cannot be written.
        """
        photo, path = self._places(job, is_writing=False)
        if (moved := self._other_place(job, photo)) is not None:
            path = paths.join(job.root, moved)
        found = disk.read(path)
        composed = self._compose(job, photo, path, what, found)
        return path, None if found is None else found.data, composed

    def _compose(
        self, job: Job, photo: Path, path: Path, what: Wanted, found: Content | None
    ) -> Composed:
        says_words = bool(what.confirmed or what.proposed)
        if found is None and not says_words:
            return Composed(None, Added())
        added, now, cleared = Added.from_json(job.wrote), self.clock(), Cleared()
        try:
            before = found.data if found is not None else self._new_document(photo, path)
            if self.options.clears_into is not None:
                cleared = clearing.clear(before, what.rejected_keys, now=now, added=added)
            composed = composing.compose(
                cleared.data or before,
                what,
                now=now,
                style=self.options.style,
                added=added,
                embedded=tuple if self._is_apart(path) else lambda: seeds.find_keywords(photo),
            )
            return replace(composed, data=composed.data or cleared.data, cleared=cleared.words)
        except MetadataError as error:
            shown = paths.printable(paths.to_text(path))
            raise SidecarError(f"{shown}: {error}") from error

    def _new_document(self, photo: Path, path: Path) -> bytes:
        if self._is_apart(path):  # no other program reads it, so it hides nothing
            return composing.new_document(None)
        made = composing.new_document(seeds.find_packet(photo), seeds.find_keywords(photo))
        if path.name == photo.stem + ".xmp":
            return composing.with_text(made, _SIDECAR_FOR, photo.suffix.lstrip(".").upper())
        return made

    def _is_apart(self, path: Path) -> bool:
        folder = self.options.folder
        return folder is not None and path.is_relative_to(folder)

    def _places(self, job: Job, *, is_writing: bool = True) -> tuple[Path, Path]:
        """Return the photo's file and the sidecar's.

        Raises:
            SidecarError: The photo is not there, or the sidecar is a link out of the root.
        """
        top = paths.from_text(job.root)
        photo, path = paths.join(job.root, job.file), paths.join(job.root, job.path)
        if not photo.exists():
            shown = paths.printable(paths.to_text(photo))
            raise SidecarError(
                f"{shown}: is not there; mount its disk, and it is tried again", is_retried=True
            )
        if self._is_apart(path):
            top = self.options.folder or path.parent
        path = disk.resolve(path, top)
        if is_writing:
            disk.prepare(path, self._folders.leftovers(path.parent))
        return photo, path

    def _other_place(self, job: Job, photo: Path) -> str | None:
        """Return the stored path of the sidecar that is due instead; None for this one."""
        if self.options.folder is not None:
            place = Path(sidecar_names.mirrored(self.options.folder, photo))
            apart = paths.to_text(place.with_name(sidecar_names.of_photo(place.name)))
            return None if job.path == apart else apart
        if job.is_known and not Path(job.path).is_absolute():
            return None
        existing = self._folders.find_existing(photo)
        wanted = existing[0] if existing else self._folders.new_name(photo)
        stored = paths.to_text(paths.from_text(job.file).with_name(wanted))
        return None if stored == job.path else stored

    def _work(self, claim: Claim, work: Callable[[Job], Outcome]) -> Tally:
        """Do the jobs of a claim and record them; the rest is released if one ends all."""
        outcomes: list[Outcome] = []
        try:
            outcomes.extend(_attempt(job, work) for job in claim.jobs)
        finally:
            now = self.clock()
            with self.database.write() as session:
                sidecar_writes.record(session, claim.token, outcomes, now=now)
                sidecar_writes.release(session, claim.token, now=now)
        return Tally.of(outcome.ending for outcome in outcomes)


def wanted(job: Job, spoken: Spoken, policies: Mapping[int, Policy]) -> Wanted:
    """Return what is to stand in a sidecar by what the catalogue says and the root's policy."""
    policy = policies.get(job.root_id, Policy(is_on=False))
    if not policy.is_on:
        return Wanted()
    taken_out = job.withdrawn or {}
    leaves = [path.rsplit("|", 1)[-1] for path in taken_out.get("paths", ())]
    return Wanted(
        confirmed=tuple(spoken.confirmed),
        proposed=tuple(spoken.proposed_under(policy)),
        rejected=tuple(spoken.rejected),
        withdrawn=(*taken_out.get("flat", ()), *leaves),
        rejected_keys=frozenset(spoken.rejected_keys),
    )


def _attempt(job: Job, work: Callable[[Job], Outcome]) -> Outcome:
    try:
        return work(job)
    except SidecarError as error:
        _log.warning("sidecar_not_written", reason=str(error))
        return Outcome(job, Ending.FAILED, failure=str(error), is_retried=error.is_retried)
