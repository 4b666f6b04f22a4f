"""Downloads that fail end in one sentence, whatever the hub's HTTP client raises."""

from collections.abc import Callable
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from worker.errors import ModelError
from worker.models import hub


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Exception], None]:
    """Return a function that makes every download fail in one way, at a hub that answers."""
    monkeypatch.setattr(hub, "is_reachable", lambda *_: True)
    monkeypatch.setattr(hub, "find_cached", lambda *_: None)

    def break_downloads(error: Exception) -> None:
        def download(*_: str) -> str:
            raise error

        monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)

    return break_downloads


def missing_entry() -> Exception:
    """Return what newer and older versions of the hub raise where a repository has no such file."""
    errors = huggingface_hub.errors
    kind = getattr(errors, "RemoteEntryNotFoundError", errors.EntryNotFoundError)
    error: Exception = kind.__new__(kind)
    return error


@pytest.mark.parametrize(
    "error",
    [
        HfHubHTTPError.__bases__[0]("peer closed connection"),  # the client's own root error
        LocalEntryNotFoundError("peer closed connection"),
        OSError("peer closed connection"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_broken_download_says_what_to_do(
    fail: Callable[[Exception], None], error: Exception
) -> None:
    fail(error)

    with pytest.raises(ModelError, match=r"peer closed connection.*--model local-dir:PATH"):
        hub.fetch_weights("some/model")


def test_repository_without_weights_is_told_from_one_that_cannot_be_reached(
    fail: Callable[[Exception], None],
) -> None:
    fail(missing_entry())

    with pytest.raises(ModelError, match=r"has no open_clip_model\.safetensors or"):
        hub.fetch_weights("some/model")
