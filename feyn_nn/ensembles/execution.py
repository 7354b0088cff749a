"""Execution of chunks: bounded work in flight on any executor, retries, interruption.

What a chunk holds depends on the settings alone, so nothing here can change a result: it decides only when
and where a chunk is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from feyn_nn.arrays import FloatArray
from feyn_nn.ensembles.settings import Chunk, SimulationSettings
from feyn_nn.ensembles.simulation import ChunkResult, simulate_chunk
from feyn_nn.errors import FeynError, InputError

RETRIES: Final = 3

Keep: TypeAlias = Callable[[Chunk, FloatArray], None]
Progress: TypeAlias = Callable[[int, int], object]


@dataclass(slots=True)
class _Task:
    place: int
    chunk: Chunk
    failures: int = 0


def compute(
    settings: SimulationSettings,
    chunks: Iterable[Chunk],
    keep: Keep,
    *,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Callable[[], object] | None = None,
) -> None:
    """Simulate `chunks` and hand each result to `keep`, in the calling thread, in order of completion.

    A chunk is submitted only while it is less than a fixed window ahead of the oldest unfinished one, so
    `keep` never has to hold more than a window's results to put them in order. Without an `executor`,
    `workers` threads are used; with one, `workers` says how many tasks it can run at once. On any exception,
    KeyboardInterrupt included, what waits is cancelled, what is finished is still kept, and the exception is
    raised again. A chunk that fails is retried up to three times, then FeynError names it.
    """
    if workers < 1:
        raise InputError(f"workers = {workers}: expected a positive integer")
    if executor is not None:
        _compute(settings, chunks, keep, executor, max(16, 3 * workers), progress)
        return
    threads = ThreadPoolExecutor(workers, thread_name_prefix="feyn-nn-chunk")
    try:
        _compute(settings, chunks, keep, threads, 3 * workers, progress)
    finally:
        threads.shutdown(wait=True, cancel_futures=True)


def _compute(
    settings: SimulationSettings,
    chunks: Iterable[Chunk],
    keep: Keep,
    executor: Executor,
    window: int,
    progress: Callable[[], object] | None,
) -> None:
    pending: dict[Future[ChunkResult], _Task] = {}

    def submit(task: _Task) -> None:
        pending[executor.submit(simulate_chunk, settings, task.chunk.experiment, task.chunk.chunk)] = task

    waiting = enumerate(chunks)
    following = next(waiting, None)
    try:
        while True:
            while following is not None:
                place, chunk = following
                if pending and place - min(task.place for task in pending.values()) >= window:
                    break
                submit(_Task(place, chunk))
                following = next(waiting, None)
            if not pending:
                return
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in sorted(finished, key=lambda future: pending[future].place):
                task = pending.pop(future)
                error = CancelledError("cancelled") if future.cancelled() else future.exception()
                if error is None:
                    keep(task.chunk, future.result().vector)
                    if progress is not None:
                        progress()
                else:
                    _judge(task, error)
                    submit(task)
    except BaseException:
        for future in pending:
            future.cancel()
        wait(pending)
        for future, task in pending.items():
            if not future.cancelled() and future.exception() is None:
                with suppress(FeynError):  # the first problem is the one to report
                    keep(task.chunk, future.result().vector)
        raise


def _judge(task: _Task, error: BaseException) -> None:
    """Return if the task is worth another attempt, else raise."""
    # A worker process that was interrupted, and a refusal, would only do the same again.
    if not isinstance(error, Exception) or isinstance(error, FeynError):
        raise error
    task.failures += 1
    if task.failures > RETRIES or isinstance(error, BrokenExecutor):
        raise FeynError(
            f"chunk {task.chunk.chunk} of experiment {task.chunk.experiment} failed {task.failures} times, "
            f"last with {type(error).__name__}: {error}; what is finished is kept, fix the cause and resume"
        ) from error
