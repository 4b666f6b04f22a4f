"""Fetches weights from the Hugging Face hub: cached first, safetensors only, and quick to fail.

`files` and `worker.evaluation.classifier` call it. `huggingface_hub` retries an unreachable hub for
about 25 seconds. A person without a network, and the fallback to the starter model, should not wait
that long, so one short request goes first.
"""

import os
import threading
import urllib.error
import urllib.request
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

from worker.errors import ModelError

CONFIG_FILE = "open_clip_config.json"
#: Names under which open_clip models publish safetensors, the commonest first.
WEIGHTS_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors")
PROBE_TIMEOUT_S = 3.0
#: How a download may fail. A connection that breaks ends in an error of the HTTP client that
#: huggingface_hub is built on (requests, httpx or httpx2), whose root HfHubHTTPError inherits from.
_FAILURES: tuple[type[BaseException], ...] = (
    EntryNotFoundError,
    OSError,
    *HfHubHTTPError.__bases__,
)


def is_offline() -> bool:
    """Return whether network access is forbidden (`KADR_OFFLINE` or `HF_HUB_OFFLINE`)."""
    switches = (os.environ.get(name, "") for name in ("KADR_OFFLINE", "HF_HUB_OFFLINE"))
    return any(switch.lower() in {"1", "true", "yes", "on"} for switch in switches)


def find_cached(repository: str, filename: str) -> Path | None:
    """Return the file in the local cache of the hub, or None."""
    found = huggingface_hub.try_to_load_from_cache(repository, filename)
    return Path(found) if isinstance(found, str) else None


def find_cached_weights(repository: str, filenames: tuple[str, ...] = WEIGHTS_FILES) -> Path | None:
    """Return the first of the weights files that is in the local cache, or None."""
    cached = (find_cached(repository, filename) for filename in filenames)
    return next((path for path in cached if path is not None), None)


def is_reachable(repository: str, *, timeout_s: float = PROBE_TIMEOUT_S) -> bool:
    """Return whether the hub answers at all about `repository`, within `timeout_s`.

    The request runs in its own thread, since looking up a name has no timeout.
    """
    if is_offline():
        return False
    answers: list[bool] = []
    url = huggingface_hub.hf_hub_url(repository, CONFIG_FILE)
    probe = threading.Thread(target=lambda: answers.append(_answers(url, timeout_s)), daemon=True)
    probe.start()
    probe.join(timeout_s)
    return bool(answers) and answers[0]


def _answers(url: str, timeout_s: float) -> bool:
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310 - the hub's own address
    try:
        with urllib.request.urlopen(request, timeout=timeout_s):  # noqa: S310
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def fetch_weights(repository: str, filenames: tuple[str, ...] = WEIGHTS_FILES) -> Path:
    """Return the path of the repository's safetensors weights, downloaded where not yet cached.

    Raises:
        ModelError: They cannot be downloaded; the message says how to use a folder instead.
    """
    cached = find_cached_weights(repository, filenames)
    if cached is not None:
        return cached
    _require_hub(repository)
    for filename in filenames:
        path = _download(repository, filename)
        if path is not None:
            return path
    raise ModelError(
        f"{repository}: has no {' or '.join(filenames)}, and Kadr opens no pickles, since "
        "they can run code; choose another model, or convert it and use --model local-dir:PATH"
    )


def fetch_classifier_weights(repository: str, filename: str) -> Path:
    """Return the path of a classifier's safetensors, downloaded where not yet cached.

    Raises:
        ModelError: It cannot be downloaded; the message says how to use a folder instead.
    """
    cached = find_cached(repository, filename)
    if cached is not None:
        return cached
    why = "downloads are switched off" if is_offline() else "the hub does not answer"
    path = _download(repository, filename) if is_reachable(repository) else None
    if path is None:
        endpoint = huggingface_hub.constants.ENDPOINT
        raise ModelError(
            f"{repository}: {filename} cannot be downloaded from {endpoint} ({why}); on a machine "
            f"with a network download {repository} into a folder and use --classifier FOLDER"
        )
    return path


def fetch_config(repository: str) -> Path:
    """Return the path of the repository's open_clip_config.json.

    Raises:
        ModelError: It cannot be downloaded, or the repository has none.
    """
    cached = find_cached(repository, CONFIG_FILE)
    if cached is not None:
        return cached
    _require_hub(repository)
    path = _download(repository, CONFIG_FILE)
    if path is None:
        raise ModelError(f"hf-hub:{repository}: not an open_clip model, it has no {CONFIG_FILE}")
    return path


def _require_hub(repository: str) -> None:
    if not is_reachable(repository):
        why = "downloads are switched off" if is_offline() else "the hub does not answer"
        raise ModelError(_cannot_download(repository, why))


def _download(repository: str, filename: str) -> Path | None:
    """Return the downloaded file, or None if the repository has no such file."""
    try:
        return Path(huggingface_hub.hf_hub_download(repository, filename))
    except _FAILURES as error:
        is_absent = isinstance(error, EntryNotFoundError)
        if is_absent and not isinstance(error, LocalEntryNotFoundError):  # "local": no answer
            return None
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(_cannot_download(repository, reason)) from error


def _cannot_download(repository: str, why: str) -> str:
    endpoint = huggingface_hub.constants.ENDPOINT
    return (
        f"{repository}: cannot be downloaded from {endpoint} ({why}); on a machine with a network "
        f"download {repository} into a folder and use --model local-dir:PATH, or use "
        "--model starter, which needs no download"
    )
