"""Executors of every kind give the same bits; failures, workers that die, interruption; Dask with and without a cluster."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import pytest

from feyn_nn.cli import main
from feyn_nn.ensembles import SimulationSettings, cluster, load, local_cluster, processes, run, threads
from feyn_nn.ensembles.cluster import DaskExecutor, remote_cluster
from feyn_nn.ensembles.execution import compute
from feyn_nn.ensembles.manifest import environment
from feyn_nn.errors import FeynError, InputError
from feyn_nn.network import Architecture, import_activation
from tests.faults import processes as outside
from tests.faults.jobs import CHUNKS, COMMAND, JOB, bits, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from feyn_nn.ensembles import Chunk, ChunkResult

SEED = 20


@pytest.fixture(scope="module")
def reference() -> bytes:
    return bits(run(JOB))


class Faulty(Executor):
    """Runs at once, except where `fault` returns an exception for the chunk (experiment, chunk)."""

    def __init__(self, fault: Callable[[tuple[int, int]], BaseException | None]) -> None:
        self.fault = fault

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if (error := self.fault(args[1:])) is not None:
            future.set_exception(error)
        else:
            future.set_result(fn(*args, **kwargs))
        return future


class Failing(Faulty):
    """Fails the first `times` attempts at one chunk."""

    def __init__(self, chunk: tuple[int, int], times: int, error: BaseException) -> None:
        self.times = times

        def fault(attempted: tuple[int, int]) -> BaseException | None:
            if attempted != chunk or self.times == 0:
                return None
            self.times -= 1
            return error

        super().__init__(fault)


class Patient(Executor):
    """Begins when as many tasks wait as are expected, and then always runs one that a random generator chooses."""

    def __init__(self, rng: random.Random, expected: int) -> None:
        self.rng, self.expected = rng, expected
        self.waiting: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.futures: list[Future[Any]] = []
        self.most = 0
        self.begin = Event()
        self.inner = ThreadPoolExecutor(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.futures.append(future)
        self.waiting.append((future, lambda: fn(*args, **kwargs)))
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == self.expected:
            self.begin.set()
        self.inner.submit(self.step)
        return future

    def step(self) -> None:
        self.begin.wait(60)
        future, task = self.waiting.pop(self.rng.randrange(len(self.waiting)))
        if future.set_running_or_notify_cancel():
            future.set_result(task())


# Any executor


def test_threads_and_processes_do_not_matter(reference: bytes, tmp_path: Path) -> None:
    assert bits(run(JOB, workers=2)) == reference
    assert bits(run(JOB, executor=threads(2), workers=2)) == reference
    with processes(2)() as pool:
        assert bits(run(JOB, executor=pool, workers=2)) == reference
        assert bits(run(JOB, tmp_path / "lent", executor=pool)) == reference
    assert bits(run(JOB, tmp_path / "own", executor=processes(2), workers=2)) == reference
    assert content(tmp_path / "lent") == content(tmp_path / "own")


def test_processes_know_an_activation_of_ones_own() -> None:
    own = Architecture(import_activation("numpy:tanh"))
    settings = SimulationSettings.make(own, [0.5], 3, 100, 2, 1, chunk=50)
    assert bits(run(settings, executor=processes(1))) == bits(run(settings))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_completion_does_not_matter(reference: bytes, seed: int) -> None:
    executor = Patient(random.Random(seed), 21)
    assert bits(run(JOB, executor=executor, workers=7)) == reference, f"seed {seed}"
    assert executor.most == 21


def test_work_in_flight_is_bounded(reference: bytes) -> None:
    """One chunk that never ends holds back the rest: no more than a window is computed ahead of it."""
    done: list[Chunk] = []

    class Stuck(Faulty):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            if args[1:] == (0, 3):
                return held
            return super().submit(fn, *args, **kwargs)

    held: Future[Any] = Future()

    def keep(chunk: Chunk, result: ChunkResult) -> None:
        done.append(chunk)
        if len(done) == 3 + 15:  # the window is 16
            held.set_exception(KeyboardInterrupt())

    with pytest.raises(KeyboardInterrupt):
        compute(JOB, JOB.plan(), keep, executor=Stuck(lambda _: None), workers=4)
    assert len(done) == 18
    assert max(chunk.experiment * 11 + chunk.chunk for chunk in done) == 3 + 15


# Failures


def test_a_chunk_that_fails_three_times_is_named(reference: bytes, tmp_path: Path) -> None:
    error = OSError("disk\n on fire")
    assert bits(run(JOB, executor=Failing((1, 2), 2, error))) == reference
    executor = Failing((1, 2), 99, error)
    with pytest.raises(FeynError, match="chunk 2 of experiment 1 failed 3 times, last with OSError: disk on fire"):
        run(JOB, tmp_path / "a", executor=executor)
    assert executor.times == 99 - 3
    assert bits(run(JOB, tmp_path / "a", resume=True)) == reference


def test_a_cancelled_chunk_is_tried_again(reference: bytes) -> None:
    assert bits(run(JOB, executor=Failing((1, 2), 2, CancelledError()))) == reference


def test_a_refusal_is_not_retried() -> None:
    executor = Failing((0, 0), 4, InputError("no"))
    with pytest.raises(InputError, match=r"^no$"):
        run(JOB, executor=executor)
    assert executor.times == 3


def test_an_executor_that_was_shut_down_is_reported(tmp_path: Path) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()
    with pytest.raises(FeynError, match="takes no more work"):
        run(JOB, tmp_path / "a", executor=pool)


class Breaking:
    """A factory of executors that break, all tasks in flight with them, whenever `deadly` says so of a chunk."""

    def __init__(self, deadly: Callable[[tuple[int, int]], bool]) -> None:
        self.deadly = deadly
        self.made = 0
        self.deaths: list[list[tuple[int, int]]] = []
        """Chunks in flight at each break."""

    def __call__(self) -> Executor:
        self.made += 1
        return _Breaking(self)


class _Breaking(Executor):
    """Runs three tasks at a time: when three are there, or when nothing else can happen."""

    def __init__(self, owner: Breaking) -> None:
        self.owner = owner
        self.waiting: list[tuple[tuple[int, int], Future[Any], Callable[[], Any]]] = []
        self.broken = False
        self.inner = ThreadPoolExecutor(1)
        self.lock = Lock()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self.lock:
            if self.broken:
                raise BrokenExecutor("a worker died before")
            self.waiting.append((args[1:], future, lambda: fn(*args, **kwargs)))
        self.inner.submit(self.step)
        return future

    def step(self) -> None:
        time.sleep(0.001)  # so that some tasks come together; no result depends on how many
        with self.lock:
            together, self.waiting = self.waiting[:3], self.waiting[3:]
            dies = any(self.owner.deadly(chunk) for chunk, _, _ in together)
            if dies:
                self.broken = True
                together += self.waiting
                self.waiting = []
                self.owner.deaths.append([chunk for chunk, _, _ in together])
        for _, future, task in together:
            if dies:
                future.set_exception(BrokenExecutor("a worker died"))
            else:
                future.set_result(task())

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.inner.shutdown(wait=wait, cancel_futures=cancel_futures)


@pytest.mark.parametrize("seed", range(5))
def test_executors_that_break_are_replaced(reference: bytes, seed: int) -> None:
    """Chunks that kill their worker twice, all over the plan."""
    rng = random.Random(seed)
    lives = {(e, c): rng.choice([0, 0, 1, 2]) for e in range(3) for c in range(11)}

    def deadly(chunk: tuple[int, int]) -> bool:
        lives[chunk] -= 1
        return lives[chunk] >= 0

    factory = Breaking(deadly)
    assert bits(run(JOB, executor=factory, workers=3)) == reference, f"seed {seed}"
    assert factory.made == len(factory.deaths) + 1 > 10


def test_the_chunk_that_kills_its_workers_is_named(reference: bytes, tmp_path: Path) -> None:
    """Even though older ones die with it at first: after a break the oldest goes alone."""
    factory = Breaking(lambda chunk: chunk == (1, 4))
    with pytest.raises(FeynError, match=r"workers died 3 times in a row at chunk 4 of experiment 1 .a worker died"):
        run(JOB, tmp_path / "a", executor=factory, workers=3)
    assert factory.deaths[-3:][-2:] == [[(1, 4)], [(1, 4)]]
    assert bits(run(JOB, tmp_path / "a", resume=True)) == reference


def test_an_executor_that_was_lent_is_not_replaced(reference: bytes, tmp_path: Path) -> None:
    factory = Breaking(lambda chunk: chunk == (1, 4))
    with pytest.raises(FeynError, match=r"the executor broke at chunk \d+ of experiment \d .a worker died.*, resume"):
        run(JOB, tmp_path / "a", executor=factory(), workers=3)
    assert bits(run(JOB, tmp_path / "a", resume=True)) == reference


# Interruption


def test_an_interrupted_run_keeps_what_is_finished_and_cancels_the_rest(reference: bytes, tmp_path: Path) -> None:
    executor = Patient(random.Random(SEED), 16)

    def progress(done: int, _: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(JOB, tmp_path / "a", executor=executor, workers=4, progress=progress)
    executor.inner.shutdown()
    stored = len(list((tmp_path / "a" / "chunks").iterdir()))
    assert 5 <= stored < CHUNKS
    assert stored == sum(not future.cancelled() for future in executor.futures)
    seen: list[int] = []
    run(JOB, tmp_path / "a", resume=True, progress=lambda done, _: seen.append(done))
    assert seen[0] == stored
    assert bits(load(tmp_path / "a")) == reference


PROCESSES = ("--processes",)
DASK = ("--dask", "local")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at /proc")
@pytest.mark.parametrize(
    ("how", "workers"), [(signal.SIGKILL, PROCESSES), (signal.SIGINT, PROCESSES), (signal.SIGINT, DASK)]
)
def test_processes_end_with_their_parent(how: signal.Signals, workers: tuple[str, ...], tmp_path: Path) -> None:
    """Killed, or with Ctrl-C, which the terminal sends to the whole group: no orphan, no traceback, and --resume goes on."""
    place = tmp_path / "a"
    running = outside.start([*COMMAND, *workers, "--nets", "1050000", "--out", str(place)])
    try:
        assert outside.until(lambda: outside.chunks(place) > 1)
        children = outside.workers(running.pid)
        assert len(children) >= 2
        if how is signal.SIGKILL:
            running.kill()
        else:
            os.killpg(running.pid, how)
        _, error = running.communicate(timeout=60)
        assert outside.until(lambda: not any(outside.alive(child) for child in children))
    finally:
        outside.end(running)
    if how is signal.SIGINT:
        assert running.returncode == 130
        assert error.splitlines()[0].startswith("feyn-nn: stopped; the same command with --resume goes on")
        assert error.splitlines()[1:] == ["feyn-nn: interrupted"]
    with pytest.raises(InputError, match="unfinished"):
        load(place)


# Dask without a cluster


class FakeTask:
    """A `distributed.Future`."""

    def __init__(self, outcome: object, *, cancelled: bool = False) -> None:
        self.outcome, self._cancelled = outcome, cancelled
        self.functions: list[Callable[[FakeTask], object]] = []

    def add_done_callback(self, function: Callable[[FakeTask], object]) -> None:
        self.functions.append(function)

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled

    def result(self) -> object:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


class FakeClient:
    """A `distributed.Client` that runs at once what it is given, unless it has an `outcome` of its own."""

    def __init__(self, outcome: BaseException | None = None, status: str = "running") -> None:
        self.outcome, self.status = outcome, status
        self.tasks: list[FakeTask] = []

    def submit(self, function: Callable[..., object], *args: object, pure: bool, **kwargs: object) -> FakeTask:
        assert not pure
        lost = isinstance(self.outcome, CancelledError)
        task = FakeTask(function(*args, **kwargs) if self.outcome is None else self.outcome, cancelled=lost)
        self.tasks.append(task)
        return task

    def wait_for_workers(self, n_workers: int, timeout: float) -> None:
        raise AssertionError("not asked for here")

    def get_versions(self, *, check: bool) -> object:
        raise AssertionError("not asked for here")

    def run(self, function: Callable[[], dict[str, str]]) -> dict[str, dict[str, str]]:
        raise AssertionError("not asked for here")

    def nthreads(self) -> dict[str, int]:
        raise AssertionError("not asked for here")

    def finish(self) -> None:
        for task in self.tasks:
            for function in task.functions:
                function(task)


@pytest.mark.parametrize(
    ("outcome", "status", "raised"),
    [
        (OSError("no"), "running", OSError),
        (CancelledError(), "running", CancelledError),
        (CancelledError(), "connecting", BrokenExecutor),
        (CancelledError(), "closed", BrokenExecutor),
        (OSError("no"), "closed", OSError),
    ],
)
def test_what_happens_to_a_task_happens_to_its_future(
    outcome: BaseException, status: str, raised: type[BaseException]
) -> None:
    client = FakeClient(outcome, status)
    future = DaskExecutor(client).submit(pow, 2, 3)
    client.finish()
    with pytest.raises(raised):
        future.result(timeout=0)


def test_a_future_that_is_cancelled_cancels_its_task() -> None:
    client = FakeClient()
    future = DaskExecutor(client).submit(pow, 2, 3)
    assert future.cancel()
    assert client.tasks[0].cancelled()
    client.finish()
    with pytest.raises(CancelledError):
        future.result(timeout=0)
    again = DaskExecutor(client).submit(pow, 2, 3)
    client.finish()
    assert again.result(timeout=0) == 8


def test_without_the_extra_dask_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["simulate", "erf", "--nets", "10", "--out", "unused", "--dask", "local"]) == 2
    error = capsys.readouterr().err
    assert "pip install 'feyn-nn[distributed]'" in error
    assert error.count("\n") == 1
    assert not Path("unused").exists()


def test_dask_is_loaded_only_where_it_is_asked_for() -> None:
    code = (
        "import sys; from feyn_nn.cli import main; import feyn_nn.ensembles\n"
        "try: main(['simulate', '--help'])\nexcept SystemExit: pass\n"
        "assert not {'distributed', 'dask', 'tornado'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, timeout=60, check=True)


# Dask


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster in a process of its own."""
    script = (
        "import distributed, sys\n"
        "if __name__ == '__main__':\n"
        "    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, host='127.0.0.1', dashboard_address=None) as c:\n"
        "        print(c.scheduler_address, flush=True); sys.stdin.read()\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    address = running.stdout.readline().strip()
    assert address.startswith("tcp://127.0.0.1:")
    try:
        yield address
    finally:
        running.communicate(timeout=60)


def test_a_cluster_gives_the_same_bits(
    scheduler: str, reference: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*COMMAND[:-2], "--dask", scheduler, "--out", str(tmp_path / "a"), "--raw"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert bits(load(tmp_path / "a")) == reference
    run(JOB, tmp_path / "b", keep_outputs=True)
    assert content(tmp_path / "a") == content(tmp_path / "b")
    with remote_cluster(scheduler) as workers:
        assert workers.number == 2
        assert bits(run(JOB, executor=workers.executor, workers=workers.number)) == reference


def test_workers_that_dask_has_given_up_are_started_again() -> None:
    """A nanny ends with its worker where that is told to, or killed before it has begun."""
    with local_cluster(1) as workers:
        client = vars(workers.executor)["_client"]
        client.retire_workers()
        assert outside.until(lambda: not client.nthreads())
        assert isinstance(workers.executor, Executor)
        assert workers.executor.submit(pow, 2, 3).result(timeout=60) == 8


def test_other_versions_on_the_workers_are_refused(scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_SAME", (*cluster._SAME, "made_up"))
    monkeypatch.setattr(cluster, "environment", _Environment(made_up="here"))
    with (
        pytest.raises(InputError, match=r"worker tcp://\S+ has made_up there, this process here: .* same version"),
        remote_cluster(scheduler),
    ):
        pass


class _Environment:
    """`environment`, but for one entry that is another one where it was sent to."""

    def __init__(self, made_up: str) -> None:
        self.made_up = made_up

    def __call__(self) -> dict[str, str]:
        return environment() | {"made_up": self.made_up}

    def __reduce__(self) -> tuple[type[_Environment], tuple[str]]:
        return _Environment, ("there",)


def test_where_nobody_answers_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 0.3)
    with (
        pytest.raises(InputError, match=r"no Dask scheduler answers at 'tcp://127\.0\.0\.1:9'"),
        remote_cluster("tcp://127.0.0.1:9"),
    ):
        pass
    with pytest.raises(InputError, match="expected its address and port"), remote_cluster("somewhere"):
        pass
