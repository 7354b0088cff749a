"""Dask clusters as executors: one on this machine, or any that a scheduler's address leads to.

Only settings go out and only statistics come back, so the network between them hardly matters. Dask is the extra
`distributed` and is loaded when a cluster is asked for.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, InvalidStateError
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib import import_module
from threading import Event, Thread
from types import ModuleType
from typing import Final, ParamSpec, Protocol, TypeVar, cast

from feyn_nn.ensembles.executors import Workers, interrupts_held_back
from feyn_nn.ensembles.manifest import environment
from feyn_nn.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")

SECONDS_TO_ANSWER: Final = 10
SECONDS_BETWEEN_LOOKS: Final = 1.0
_ADDRESS: Final = re.compile(r"([a-z]+://)?[^\s/]+:\d{1,5}")
_LOCAL_HOST: Final = "127.0.0.1"
_SAME: Final = ("feyn_nn", "numpy")
"""Packages whose versions decide the numbers."""


class _Task(Protocol):
    """What is used of `distributed.Future`, which declares no types."""

    def add_done_callback(self, function: Callable[[_Task], object]) -> None: ...
    def cancel(self) -> object: ...
    def cancelled(self) -> bool: ...
    def result(self) -> object: ...


class _Client(Protocol):
    """What is used of `distributed.Client`."""

    status: str

    def submit(self, function: Callable[..., object], *args: object, pure: bool, **kwargs: object) -> _Task: ...
    def wait_for_workers(self, n_workers: int, timeout: float) -> None: ...
    def get_versions(self, *, check: bool) -> object: ...
    def run(self, function: Callable[[], dict[str, str]]) -> dict[str, dict[str, str]]: ...
    def nthreads(self) -> dict[str, int]: ...


class _LocalCluster(Protocol):
    """What is used of `distributed.LocalCluster`."""

    def scale(self, n: int) -> object: ...


class DaskExecutor(Executor):
    """The workers of a `distributed.Client`, which stays its owner's.

    Unlike the client's own executor it notices when the scheduler is gone: its futures then end with BrokenExecutor.
    """

    def __init__(self, client: _Client) -> None:
        self._client = client

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Send a task; what it is given and what it returns goes over the network."""
        # Not pure: a second attempt is a new task, not the memory of the first one's failure.
        task = self._client.submit(fn, *args, pure=False, **kwargs)
        promise: Future[T] = Future()

        def hand_on(promise: Future[T]) -> None:
            if promise.cancelled():
                promise.set_running_or_notify_cancel()
                task.cancel()

        promise.add_done_callback(hand_on)
        task.add_done_callback(partial(self._hand_over, promise))
        return promise

    def _hand_over(self, promise: Future[T], task: _Task) -> None:
        with suppress(InvalidStateError):  # cancelled meanwhile
            try:
                promise.set_result(cast("T", task.result()))
            except Exception as problem:  # of whatever kind the task raised
                lost = task.cancelled() and self._client.status != "running"
                promise.set_exception(BrokenExecutor("the Dask scheduler was lost") if lost else problem)


@contextmanager
def local_cluster(workers: int) -> Iterator[Workers]:
    """Start a scheduler and worker processes that only this machine can reach."""
    distributed = _distributed()
    with _quiet(), ExitStack() as stack:
        stack.enter_context(import_module("dask").config.set({"distributed.deploy.lost-worker-timeout": "1s"}))
        with interrupts_held_back():
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host=_LOCAL_HOST,
                dashboard_address=f"{_LOCAL_HOST}:0",  # Dask's own choice listens on all interfaces
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(cluster)
            client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
            stack.enter_context(_kept_up(cluster, workers))
        yield Workers(DaskExecutor(client), workers)


@contextmanager
def _kept_up(cluster: _LocalCluster, workers: int) -> Iterator[None]:
    """Start workers that Dask has given up: its nannies do so when one is killed before it has begun."""
    done = Event()

    def look() -> None:
        while not done.wait(SECONDS_BETWEEN_LOOKS):
            cluster.scale(workers)

    thread = Thread(target=look, name="feyn-nn-cluster", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


@contextmanager
def remote_cluster(address: str) -> Iterator[Workers]:
    """Connect to a scheduler such as `tcp://10.0.0.5:8786`.

    Raises InputError where nothing answers within ten seconds, where there are no workers, and where they have
    other versions.
    """
    distributed = _distributed()
    if not _ADDRESS.fullmatch(address):
        raise InputError(f"Dask scheduler {address!r}: expected its address and port, such as tcp://10.0.0.5:8786")
    with _quiet():
        try:
            client = distributed.Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
        except (OSError, ValueError, TypeError) as problem:
            raise InputError(
                f"no Dask scheduler answers at {address!r} ({_line(problem)}); give the address that it printed, such as "
                "tcp://10.0.0.5:8786"
            ) from None
        with client:
            number = _checked_workers(client, address)
            yield Workers(DaskExecutor(client), number)


def _checked_workers(client: _Client, address: str) -> int:
    """The number of threads of all workers, whose versions are ours."""
    try:
        client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
        client.get_versions(check=True)
        environments = client.run(environment)
    except TimeoutError:
        raise InputError(
            f"the Dask scheduler at {address} has no workers; start some with: dask worker {address}"
        ) from None
    except ImportError as problem:
        raise InputError(
            f"the workers of {address} cannot import feyn_nn ({_line(problem)}); install the same version there"
        ) from None
    except ValueError as problem:
        raise InputError(f"the workers of {address} have other versions than this process: {_line(problem)}") from None
    here = environment()
    for worker, there in environments.items():
        for package in _SAME:
            if there[package] != here[package]:
                raise InputError(
                    f"worker {worker} has {package} {there[package]}, this process {here[package]}: the numbers might "
                    "differ; install the same version"
                )
    return sum(client.nthreads().values())


def _distributed() -> ModuleType:
    try:
        return import_module("distributed")
    except ImportError:
        raise InputError(
            "Dask is not installed: expected the extra distributed; pip install 'feyn-nn[distributed]'"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log off stderr: what matters comes as an exception."""
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client", "tornado", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _line(problem: BaseException) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__
