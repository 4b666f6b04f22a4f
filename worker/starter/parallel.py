"""Owns training in several processes: each draws its own photos, and all take the same steps.

On a shared machine two processes of one thread wait for each other once a step; one process of
two threads waits at every layer and was measured at a third of the speed.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.multiprocessing as processes
from torch import distributed, nn

from worker.starter import monitor


def run(task: Callable[..., None], *arguments: object, n_processes: int) -> None:
    """Run ``task(*arguments)`` in every process of a group of ``n_processes``; 1 is this one.

    ``task`` and its arguments are pickled, so it is a function of a module.
    """
    if n_processes == 1:
        task(*arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        meeting = f"file://{Path(folder) / 'meeting'}"
        processes.spawn(  # type: ignore[attr-defined, no-untyped-call]
            _join, (n_processes, meeting, task, arguments), nprocs=n_processes
        )


def get_rank() -> int:
    """Return this process's number in its group; the first, 0, logs and saves."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def get_size() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def average_gradients(model: nn.Module, elapsed_s: float) -> float:
    """Average the gradients over the group, in place; return the average of ``elapsed_s``.

    One clock for all lets every process end, and change the crop size, at the same step.
    """
    if not distributed.is_initialized():
        return elapsed_s
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    flat = torch.cat([*(each.flatten() for each in gradients), torch.tensor([elapsed_s])])
    distributed.all_reduce(flat)
    flat /= get_size()
    pieces = torch.split(flat[:-1], [each.numel() for each in gradients])
    for gradient, piece in zip(gradients, pieces, strict=True):
        gradient.copy_(piece.view_as(gradient))
    return float(flat[-1])


def _join(
    rank: int, n_processes: int, meeting: str, task: Callable[..., None], arguments: tuple[object]
) -> None:
    monitor.start_logging()
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=n_processes)
    try:
        task(*arguments)
    finally:
        distributed.destroy_process_group()
