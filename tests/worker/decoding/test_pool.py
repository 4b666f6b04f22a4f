"""Photos are opened in processes that may crash, hang and take memory: it costs one photo each."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from tests.support import decoding_jobs, photos
from worker import images
from worker.decoding import pool
from worker.decoding.guards import Guards
from worker.decoding.pool import Decoders, DecodersClosedError
from worker.errors import PhotoError, PhotoStalledError
from worker.images import Preprocess, embedded

PREPROCESS = Preprocess(32, (0.0,) * 3, (1.0,) * 3)
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    with Decoders(Guards(seconds=1.0, memory_bytes=256 * MIB, processes=2)) as made:
        yield made


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return photos.save(tmp_path / "a.jpg")


def width_of(decoders: Decoders, path: Path) -> int:
    decoded = decoders.open_photo(path, PREPROCESS).decoded
    assert decoded is not None
    return decoded.width


def test_a_photo_is_opened_as_in_this_process(decoders: Decoders, photo: Path) -> None:
    here = images.decode(photo, PREPROCESS)

    there = decoders.open_photo(photo, PREPROCESS)

    assert there.said == embedded.read(photo)
    assert there.decoded is not None
    assert (there.decoded.pixels == here.pixels).all()
    assert (there.decoded.width, there.decoded.format) == (here.width, here.format)
    assert decoders.run(images.thumbnail, photo, 64) == images.thumbnail(photo, 64)


def test_a_reason_comes_back_as_in_this_process(decoders: Decoders, tmp_path: Path) -> None:
    opened = decoders.open_photo(tmp_path / "a.jpg", PREPROCESS)

    assert opened.decoded is None
    assert opened.reason == "a.jpg: no such file; it was moved or deleted meanwhile"


def test_a_photo_that_crashes_three_processes_is_refused(decoders: Decoders, photo: Path) -> None:
    with pytest.raises(PhotoError, match=r"a\.jpg: its decoder crashed 3 times \(SIGSEGV\); "):
        decoders.run(decoding_jobs.crash, photo)

    assert Path(f"{photo}.crashes").read_bytes() == b"xxx"
    assert width_of(decoders, photo) == 320


def test_a_process_killed_by_hand_costs_its_photo_nothing(decoders: Decoders, photo: Path) -> None:
    assert decoders.run(decoding_jobs.die_by_hand_once, photo) == "open"


def test_a_photo_whose_processes_are_killed_again_and_again_waits(
    decoders: Decoders, photo: Path
) -> None:
    with pytest.raises(PhotoStalledError, match="killed 3 times by something else") as caught:
        decoders.run(decoding_jobs.be_killed, photo)

    assert not caught.value.is_to_blame


def test_a_photo_that_takes_too_long_is_refused(decoders: Decoders, photo: Path) -> None:
    with pytest.raises(PhotoError, match="takes more than 1 s to decode; raise KADR_"):
        decoders.run(decoding_jobs.compute_for_ever, photo)


def test_a_decoder_that_hangs_without_computing_is_tried_again(
    decoders: Decoders, photo: Path
) -> None:
    with pytest.raises(PhotoStalledError, match="its decoder waits for something") as caught:
        decoders.run(decoding_jobs.wait_for_ever, photo)

    assert caught.value.is_to_blame


def test_a_picture_that_never_fits_is_refused_before_it_is_decoded(
    decoders: Decoders, tmp_path: Path
) -> None:
    path = tmp_path / "a.webp"
    path.write_bytes(photos.lossless_webp(16383, 12000))

    assert decoders.open_photo(path, PREPROCESS).reason == (
        "a.webp: needs 3,195 MiB of memory to decode, but all decoding has 256 MiB;"
        " raise KADR_DECODE_MEMORY to include it"
    )


def test_more_memory_than_was_reserved_is_given_alone_if_it_fits(
    decoders: Decoders, photo: Path
) -> None:
    taken = 230 * MIB + 192 * MIB  # more than 20 MiB and the slack, less than all and the slack

    assert decoders.run(decoding_jobs.allocate, photo, 20 * MIB, taken) == 1


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux counts what is mapped")
def test_more_memory_than_there_is_is_refused(decoders: Decoders, photo: Path) -> None:
    with pytest.raises(PhotoError, match="needs more than 256 MiB of memory"):
        decoders.run(decoding_jobs.allocate, photo, 20 * MIB, 600 * MIB)

    assert width_of(decoders, photo) == 320


def test_photos_that_fit_only_one_at_a_time_are_open_one_at_a_time(
    decoders: Decoders, photo: Path
) -> None:
    with ThreadPoolExecutor(2) as threads:
        spans = sorted(
            threads.map(
                lambda _: decoders.run(decoding_jobs.note_when_open, photo, 150 * MIB), range(4)
            )
        )

    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_process_that_answers_with_code_is_not_obeyed(
    decoders: Decoders, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(PhotoError):
        decoders.run(decoding_jobs.send_hostile_pickle, photo)

    assert not (tmp_path / "hostile").exists()


def test_noise_of_decoders_stays_off_the_terminal(
    decoders: Decoders, photo: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert decoders.run(decoding_jobs.make_noise, photo) == "open"

    assert capfd.readouterr() == ("", "")


def test_closing_ends_what_is_being_opened_and_all_processes(photo: Path) -> None:
    made = Decoders(Guards(seconds=60.0, processes=2))
    failures: list[Exception] = []

    def open_for_ever() -> None:
        try:
            made.run(decoding_jobs.compute_for_ever, photo)
        except DecodersClosedError as error:
            failures.append(error)

    threads = [threading.Thread(target=open_for_ever) for _ in range(3)]  # one waits for a process
    for thread in threads:
        thread.start()
    while len(made.process_ids()) < 2:
        time.sleep(0.01)
    processes = [psutil.Process(pid) for pid in made.process_ids()]

    made.close()

    for thread in threads:
        thread.join(30)
    assert len(failures) == 3
    assert psutil.wait_procs(processes, timeout=60)[1] == []


def test_the_process_that_forks_may_die_too(photo: Path) -> None:
    with Decoders(Guards(processes=1)) as made:
        made.open_photo(photo, PREPROCESS)
        [child] = made.process_ids()
        os.kill(psutil.Process(child).ppid(), signal.SIGKILL)

        assert width_of(made, photo) == 320


def test_processes_end_with_the_one_that_started_them(photo: Path) -> None:
    pid = os.fork()
    if pid == 0:  # a process that is killed while its decoder hangs
        made = Decoders(Guards(processes=1))
        threading.Thread(
            target=made.run, args=(decoding_jobs.compute_for_ever, photo), daemon=True
        ).start()
        while not made.process_ids():
            time.sleep(0.01)
        photo.with_suffix(".pid").write_text(str(made.process_ids()[0]))
        photo.with_suffix(".pid").rename(photo.with_suffix(".ready"))
        time.sleep(600)
    ready = photo.with_suffix(".ready")
    while not ready.exists():
        time.sleep(0.01)
    decoder = psutil.Process(int(ready.read_text()))

    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    assert psutil.wait_procs([decoder], timeout=60)[1] == []


def test_large_files_are_opened_one_at_a_time(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_LARGE_FILE_BYTES", 10)
    with (
        Decoders(Guards(seconds=30.0, memory_bytes=256 * MIB, processes=2)) as made,
        ThreadPoolExecutor(2) as threads,
    ):
        spans = sorted(
            threads.map(lambda _: made.run(decoding_jobs.note_when_open, photo, MIB), range(4))
        )

    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
