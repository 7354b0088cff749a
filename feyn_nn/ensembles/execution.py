"""Execution of chunks: bounded work in flight on any executor, retries, workers that die, interruption.

What a chunk holds depends on the settings alone, so nothing here can change a result: it decides only when
and where a chunk is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import Final, TypeAlias

from feyn_nn.ensembles.executors import ExecutorFactory, threads
from feyn_nn.ensembles.settings import Chunk, SimulationSettings
from feyn_nn.ensembles.simulation import ChunkResult, simulate_chunk
from feyn_nn.errors import FeynError, InputError

FAILURES: Final = 3
"""Failed attempts at one chunk, or broken executors in a row, after which a run gives up."""

Keep: TypeAlias = Callable[[Chunk, ChunkResult], None]
Progress: TypeAlias = Callable[[int, int], object]


def compute(
    settings: SimulationSettings,
    chunks: Iterable[Chunk],
    keep: Keep,
    *,
    workers: int = 1,
    executor: Executor | ExecutorFactory | None = None,
    keep_outputs: bool = False,
    progress: Callable[[], object] | None = None,
) -> None:
    """Simulate `chunks` and hand each result to `keep`, in the calling thread, in order of completion.

    A chunk is submitted only while it is less than a fixed window ahead of the oldest unfinished one, so
    `keep` never has to hold more than a window's results to put them in order. Without an `executor`,
    `workers` threads are used; with one, or a factory of them, `workers` says how many tasks it can run at once. On any
    exception, KeyboardInterrupt included, what waits is cancelled, what is finished is still kept, and the exception is
    raised again.

    A chunk that fails three times is named by a FeynError. An executor that breaks because a worker died is replaced
    if there is a factory; then the oldest chunk goes alone until one is finished, so that a chunk that kills its workers
    is known after three executors without progress.
    """
    if workers < 1:
        raise InputError(f"workers = {workers}: expected a positive integer")
    window = 3 * workers if executor is None else max(16, 3 * workers)
    pool = _Pool(threads(workers) if executor is None else executor)
    try:
        _Execution(settings, keep, pool, window, keep_outputs=keep_outputs, progress=progress).run(chunks)
    finally:
        pool.close()


class _Pool:
    """An executor that is lent, or one of our own that can be replaced."""

    def __init__(self, source: Executor | ExecutorFactory) -> None:
        self._factory = None if isinstance(source, Executor) else source
        self._executor = source if isinstance(source, Executor) else source()

    def submit(self, settings: SimulationSettings, chunk: Chunk, *, keep_outputs: bool) -> Future[ChunkResult]:
        return self._executor.submit(simulate_chunk, settings, chunk.experiment, chunk.chunk, keep_outputs=keep_outputs)

    def replace(self) -> bool:
        """Replace a broken executor; False if it was lent."""
        if self._factory is None:
            return False
        self._executor.shutdown(wait=False)
        self._executor = self._factory()
        return True

    def close(self) -> None:
        if self._factory is not None:
            self._executor.shutdown(wait=True)


@dataclass(slots=True, order=True)
class _Task:
    place: int
    chunk: Chunk = field(compare=False)
    failures: int = field(default=0, compare=False)


class _Execution:
    """Tasks in flight, tasks that wait for another attempt, and the rest of the plan."""

    def __init__(
        self,
        settings: SimulationSettings,
        keep: Keep,
        pool: _Pool,
        window: int,
        *,
        keep_outputs: bool,
        progress: Callable[[], object] | None,
    ) -> None:
        self._settings, self._keep, self._pool, self._window = settings, keep, pool, window
        self._keep_outputs, self._progress = keep_outputs, progress
        self._flying: dict[Future[ChunkResult], _Task] = {}
        self._again: list[_Task] = []
        self._unfinished: dict[int, _Task] = {}
        """By place, in order."""
        self._done: SimpleQueue[Future[ChunkResult]] = SimpleQueue()
        self._breaks = 0
        """Executors that broke since the last finished chunk."""

    def run(self, chunks: Iterable[Chunk]) -> None:
        plan = (_Task(place, chunk) for place, chunk in enumerate(chunks))
        following = next(plan, None)
        try:
            while True:
                while task := self._next_retry() or self._within_window(following):
                    if task is following:
                        self._unfinished[task.place] = task
                        following = next(plan, None)
                    self._submit(task)
                if not self._flying:
                    return
                self._take(self._done.get())
        except BaseException:
            self._leave()
            raise

    def _next_retry(self) -> _Task | None:
        if self._again and not self._waits_for_one():
            return heappop(self._again)
        return None

    def _within_window(self, task: _Task | None) -> _Task | None:
        if task is None or self._again or self._waits_for_one():
            return None
        oldest = next(iter(self._unfinished), task.place)
        return task if task.place - oldest < self._window else None

    def _waits_for_one(self) -> bool:
        return bool(self._breaks and self._flying)

    def _submit(self, task: _Task) -> None:
        try:
            future = self._pool.submit(self._settings, task.chunk, keep_outputs=self._keep_outputs)
        except BrokenExecutor as error:
            heappush(self._again, task)
            self._replace(error)
        except RuntimeError as error:  # such as an executor that was shut down
            raise FeynError(f"the executor takes no more work ({error}); what is finished is kept, resume") from error
        else:
            self._flying[future] = task
            future.add_done_callback(self._done.put)

    def _take(self, future: Future[ChunkResult]) -> None:
        task = self._flying.pop(future, None)
        if task is None:  # of an executor that was replaced
            return
        error = CancelledError("it was cancelled") if future.cancelled() else future.exception()
        if error is None:
            self._accept(task, future.result())
            return
        heappush(self._again, task)
        if isinstance(error, BrokenExecutor):
            self._replace(error)
        else:
            _judge(task, error)

    def _accept(self, task: _Task, result: ChunkResult) -> None:
        self._keep(task.chunk, result)
        del self._unfinished[task.place]
        self._breaks = 0
        if self._progress is not None:
            self._progress()

    def _replace(self, error: BrokenExecutor) -> None:
        """Go on with a new executor; raise FeynError if there is none, or if that has not helped."""
        flying = list(self._flying.items())
        self._flying.clear()
        for future, task in flying:
            if _succeeded(future):
                self._accept(task, future.result())
            else:
                heappush(self._again, task)
        self._breaks += 1
        if self._breaks == FAILURES:
            raise FeynError(
                f"workers died {FAILURES} times in a row at {_named(self._again[0].chunk)} ({error}); what is finished is "
                "kept, look for what kills them (memory?) and resume"
            ) from error
        if not self._pool.replace():
            raise FeynError(
                f"the executor broke at {_named(self._again[0].chunk)} ({error}); what is finished is kept, resume"
            ) from error

    def _leave(self) -> None:
        """Cancel what waits and keep what is finished."""
        wait([future for future in self._flying if not future.cancel()])
        for future, task in self._flying.items():
            if _succeeded(future):
                with suppress(FeynError):  # the first problem is the one to report
                    self._keep(task.chunk, future.result())


def _succeeded(future: Future[ChunkResult]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is None


def _judge(task: _Task, error: BaseException) -> None:
    """Return if the task is worth another attempt, else raise."""
    # A worker process that was interrupted, and a refusal, would only do the same again.
    if not isinstance(error, Exception) or isinstance(error, FeynError):
        raise error
    task.failures += 1
    if task.failures >= FAILURES:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise FeynError(
            f"{_named(task.chunk)} failed {task.failures} times, last with {reason}; what is finished is kept, fix the cause "
            "and resume"
        ) from error


def _named(chunk: Chunk) -> str:
    return f"chunk {chunk.chunk} of experiment {chunk.experiment}"
