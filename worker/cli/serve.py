"""`kadr serve`: the gallery and the REST API, in a browser; with folders, it tags them as well."""

import os
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
import uvicorn
from fastapi import FastAPI

from catalog.cli import console
from catalog.db import database as databases
from catalog.db.database import Database
from catalog.errors import SettingsError
from catalog.photos import files
from catalog.photos import roots as known_roots
from catalog.tags import taggers
from catalog.tags.store import Lexicon
from catalog.web import app as web_app
from catalog.web import guard
from catalog.web import settings as web_settings
from catalog.web.identity import Doorkeeper
from catalog.web.services import Services
from catalog.web.settings import WebSettings
from worker.cli import loaders, options
from worker.serving.counting import Counter
from worker.serving.meaning import TextEncoders
from worker.serving.thumbs import ThumbMaker
from worker.settings import Settings
from worker.thumbs.store import ThumbStore

if TYPE_CHECKING:
    from worker.decoding.pool import Decoders

app = typer.Typer(add_completion=False)

#: How long open connections may take to end.
_GRACE_S = 3
#: Of each connection of SQLite, of which each thread has one; the system keeps the file as well.
#: With 8 MiB no page is faster.
_CACHE_MIB = 2
Ring = Callable[[Sequence[int]], bool]


@app.command()
def serve(
    folders: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DIR]...", help="Folders to tag and watch meanwhile."),
    ] = None,
    *,
    watch: Annotated[
        bool, typer.Option("--watch", help="Tag and watch; without DIR, all known folders.")
    ] = False,
    host: Annotated[str | None, typer.Option(help="Address to listen at.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen at.")] = None,
    is_opened: Annotated[
        bool, typer.Option("--open", help="Open the gallery in the browser.")
    ] = False,
) -> None:
    """Show the catalogue in a browser: search, review keywords; and a REST API for scripts."""
    settings = options.load()
    web = web_settings.load(web_host=host, web_port=port)
    with ExitStack() as stack:
        ring, decoders = _ring_of(settings), None
        if watch or folders:
            ring, decoders = stack.enter_context(_watching(settings, folders or []))
        database = stack.enter_context(
            databases.open_catalogue(cache_mib=_CACHE_MIB, connections=web_app.THREADS)
        )
        stack.enter_context(Counter(database))
        _require_password(database, web)
        services = stack.enter_context(_services(settings, web, database, ring, decoders))
        served = web_app.create_app(database, services, web)
        _run(served, web, is_opened=is_opened)


@contextmanager
def _watching(
    settings: Settings, folders: Sequence[str]
) -> Iterator[tuple[Ring, Callable[[], "Decoders"]]]:
    """Tag photos in this process, or have the fleet do it, while the gallery is shown."""
    from worker.cli import running, watching  # noqa: PLC0415 - bring Celery, torch where it tags
    from worker.queue import tasks  # noqa: PLC0415 - as above
    from worker.watch import roots  # noqa: PLC0415 - only to watch

    with running.open_process(settings) as process:
        given = console.read_arguments(folders)
        if not given:
            with process.database.read() as session:
                given = [str(path) for path in known_roots.find_paths(session)]
        if not given:
            raise SettingsError("no folder is known yet; name one: `kadr serve DIR`")
        named = roots.register(process.database, given)
        ring = tasks.doorbell_of(process).ring_later
        watcher = watching.make_watcher(process)
        thread = threading.Thread(target=watcher.run, args=(named, _announce_nothing))
        with running.working(process), watching.make_sidecar_loop(process, named):
            running.warn_if_nobody_works(settings)
            thread.start()
            try:
                yield ring, process.get_decoders
            finally:
                watcher.stop()
                thread.join()


def _announce_nothing() -> None:
    """Print nothing when the watch begins: the address of the gallery is what is printed."""


def _ring_of(settings: Settings) -> Ring:
    """Return what sends photos to a fleet; without one, photos wait for `kadr tag` or `watch`."""
    if settings.is_embedded:
        return lambda _: True
    from worker.queue import tasks  # noqa: PLC0415 - brings Celery, for a fleet alone
    from worker.queue.doorbell import Doorbell  # noqa: PLC0415 - as above

    return Doorbell(tasks.tag_backfill.delay, settings.ring_size).ring


def _require_password(database: Database, web: WebSettings) -> None:
    """End with status 2 where other machines could reach a gallery that asks for no password."""
    if guard.is_loopback(web.web_host):
        return
    if web.web_auth == "proxy" and web.web_trusted_peers:
        return
    if web.web_auth == "proxy":
        _refuse("no proxy is trusted", "set KADR_WEB_TRUSTED_PEERS to its address")
    if Doorkeeper(database, web).find_password() is None:
        reason = f"other machines reach {web.web_host}, and there is no password"
        _refuse(reason, "run `kadr password` first, or listen at 127.0.0.1")


def _refuse(reason: str, todo: str) -> None:
    console.err().print(f"[bold red]kadr:[/] {reason}; {todo}")
    raise typer.Exit(2)


@contextmanager
def _services(
    settings: Settings,
    web: WebSettings,
    database: Database,
    ring: Ring,
    decoders: "Callable[[], Decoders] | None",
) -> Iterator[Services]:
    store = ThumbStore(settings.cache_dir / "thumbs", max_bytes=int(web.thumbs_gb * 1e9))
    note = partial(_note_hashes, database)
    thumbs = ThumbMaker(store, settings, note=note, shared=decoders)
    encoders = TextEncoders()
    try:
        with store.making_room():
            yield Services(
                thumbnails=thumbs,
                load_encoder=encoders.load,
                look_up=partial(_look_up, database),
                scan=partial(_scan, settings, database, ring),
            )
    finally:
        thumbs.close()
        encoders.close()


def _scan(settings: Settings, database: Database, ring: Ring) -> int:
    from worker.serving import scanning  # noqa: PLC0415 - reads files, which the first page does not
    from worker.watch.exclusions import Rules  # noqa: PLC0415 - as above

    return scanning.scan_roots(database, ring, Rules.of_settings(settings))


def _note_hashes(database: Database, hashes: Mapping[bytes, bytes]) -> None:
    with database.write() as session:
        files.note_thumbhashes(session, hashes)


def _look_up(database: Database, keys: Sequence[str]) -> Lexicon:
    with database.read() as session:
        chosen = taggers.find(session)
    return loaders.load_lexicon(chosen, keys)


class _Server(uvicorn.Server):
    """Prints the address once it is open, and ends live events before it waits for the others."""

    def __init__(
        self, config: uvicorn.Config, served: FastAPI, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._served = served
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._served.state.web.live.close()
        await super().shutdown(sockets)


def _run(served: FastAPI, web: WebSettings, *, is_opened: bool) -> None:
    with _listen(web.web_host, web.web_port) as listening:
        host, port = listening.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{port}"

        def announce() -> None:
            console.err().print(f"Gallery on {address}  Ctrl-C ends.", markup=False)
            if is_opened:
                webbrowser.open(address)

        config = uvicorn.Config(
            served,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_S,
        )
        _Server(config, served, announce).run(sockets=[listening])


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address.

    Raises:
        SettingsError: The address is taken, or is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SettingsError(
            f"{host}:{port} cannot be listened at ({reason.lower()}); choose another --port"
        ) from error
