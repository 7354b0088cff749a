"""Executors of our own: threads, and processes that do not outlive the run.

Anything else that is a `concurrent.futures.Executor` can be lent to a run. A factory of executors is better where workers
may die: a run replaces an executor that breaks.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import resource_tracker
from threading import Thread
from typing import TypeAlias

ExecutorFactory: TypeAlias = Callable[[], Executor]


@dataclass(frozen=True, slots=True)
class Workers:
    """What computes chunks, and how many of them at once."""

    executor: Executor | ExecutorFactory
    number: int


def threads(workers: int) -> ExecutorFactory:
    """Threads of this process: NumPy and the compiled kernels compute without the interpreter's lock."""
    return partial(ThreadPoolExecutor, workers, thread_name_prefix="feyn-nn-chunk")


def processes(workers: int) -> ExecutorFactory:
    """Fresh processes, which leave Ctrl-C to their parent and end when it dies."""
    return partial(_start_processes, workers)


def _start_processes(workers: int) -> Executor:
    context = multiprocessing.get_context("spawn")  # a fork would inherit the directory's lock
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_serve)
    with interrupts_held_back():
        for _ in range(workers):
            pool.submit(_begin)
    return pool


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C wait; processes and threads that start meanwhile never hear of it, and leave it to this one."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # it unblocks Ctrl-C when it starts
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, name="feyn-nn-parent", daemon=True).start()


def _begin() -> None:
    """The first task of a process: a pool starts them with their tasks."""


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
