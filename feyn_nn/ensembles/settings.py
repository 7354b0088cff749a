"""What a simulation depends on: an architecture, inputs, width, numbers of samples, seeds, a chunk size, an engine.

Two runs with equal settings give the same bits on one machine and NumPy build, whatever the number of
workers, their order, or interruptions. The chunk size is therefore a setting: a chunk is the unit that one
random generator fills, one task computes and one file stores. Simulation conventions: physics notes, notation
and section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from math import sqrt
from operator import index
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from feyn_nn.arrays import FloatArray, as_points
from feyn_nn.ensembles.statistics import Layout, Record
from feyn_nn.errors import InputError
from feyn_nn.network import GAUSS, Architecture, known_activation

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

# A chunk takes some tenths of a second: long against the cost of a file and a task, short against patience.
CHUNK_SAMPLES: Final = 2**17
CHUNK_NORMALS: Final = 2**23
CHUNK_PRODUCTS: Final = 2**32


class Engine(StrEnum):
    """What draws the networks: NumPy in float64, or the compiled kernels of the `fast` extra."""

    NUMPY = "numpy"
    FAST32 = "fast-float32"
    FAST64 = "fast-float64"


class Run(NamedTuple):
    """Independent experiments that share a seed."""

    seed: int
    experiments: int


class Chunk(NamedTuple):
    """One unit of work: chunk number `chunk` of `experiment`, holding `samples` networks or neurons."""

    experiment: int
    chunk: int
    samples: int


@dataclass(frozen=True)
class SimulationSettings:
    """Everything that the numbers of a simulated ensemble depend on.

    `inputs` has one tuple of d_in coordinates per point; `nets` is the number of samples in *each* experiment, networks of
    that `width`, or single neurons, which have none. Experiments are numbered through all `runs`. Raises InputError for a
    value out of range, LimitError where the points are too many to keep all products.
    """

    architecture: Architecture
    inputs: tuple[tuple[float, ...], ...]
    width: int | None
    nets: int
    runs: tuple[Run, ...]
    chunk: int
    record: Record = Record.CONDITIONAL
    engine: Engine = Engine.NUMPY

    def __post_init__(self) -> None:
        numbers: list[tuple[str, object, int]] = [("nets", self.nets, 1), ("chunk", self.chunk, 1)]
        if self.record.of_networks:
            numbers.append(("width", self.width, 1))
        elif self.width is not None:
            raise InputError(f"width = {self.width}: a stream of single neurons serves every width; leave it out")
        for seed, experiments in self.runs:
            numbers += [("seed", seed, 0), ("experiments", experiments, 1)]
        for name, value, least in numbers:
            if type(value) is not int or value < least:
                raise InputError(f"{name} = {value!r}: expected an integer, {least} or more")
        seeds = [run.seed for run in self.runs]
        if not seeds or len(set(seeds)) < len(seeds):
            raise InputError(f"seeds {seeds}: expected one or more, all different")
        as_points(self.inputs, self.architecture.d_in)
        Layout(len(self.inputs), self.record)  # refuses too many points
        self._check_network()

    def _check_network(self) -> None:
        architecture = self.architecture
        if not self.record.of_networks and architecture.depth > 1:
            raise InputError(
                f"record {self.record.value} with depth {architecture.depth}: neurons are independent in one hidden layer "
                "only; record outputs or conditional"
            )
        if self.record is Record.TILTED and not architecture.activation.normalised:
            raise InputError(
                f"record tilted with activation {architecture.activation.name!r}: the tilted law of the bias belongs to "
                f"{GAUSS.name}; record neurons"
            )

    @classmethod
    def make(
        cls,
        architecture: Architecture,
        inputs: npt.ArrayLike,
        width: int | None,
        nets: int,
        experiments: int,
        seed: int,
        chunk: int | None = None,
        *,
        record: Record = Record.CONDITIONAL,
        engine: Engine = Engine.NUMPY,
    ) -> SimulationSettings:
        """Build settings from an array of inputs (points, d_in), or a flat list for d_in = 1.

        The default chunk is a fixed function of the other settings, so that equal commands give equal
        numbers.
        """
        points = as_points(inputs, architecture.d_in)
        numbers: dict[str, int] = {}
        for name, value in (("nets", nets), ("experiments", experiments), ("seed", seed), ("width", width)):
            if value is None:
                continue
            try:
                numbers[name] = index(value)
            except TypeError:
                raise InputError(f"{name} = {value!r}: expected an integer") from None
        if chunk is None:
            chunk = default_chunk(len(points), architecture, numbers.get("width"), record)
            chunk = max(1, min(chunk, numbers["nets"]))
        return cls(
            architecture,
            tuple(tuple(row) for row in points.tolist()),
            numbers.get("width"),
            numbers["nets"],
            (Run(numbers["seed"], numbers["experiments"]),),
            chunk,
            record,
            engine,
        )

    @property
    def experiments(self) -> int:
        """Number of independent experiments of all runs."""
        return sum(run.experiments for run in self.runs)

    @property
    def chunks_per_experiment(self) -> int:
        """Number of chunks in each experiment."""
        return -(-self.nets // self.chunk)

    @property
    def chunks(self) -> int:
        """Number of chunks in all."""
        return self.chunks_per_experiment * self.experiments

    @cached_property
    def layout(self) -> Layout:
        """Layout of the statistics of one chunk."""
        return Layout(len(self.inputs), self.record)

    def chunk_samples(self, chunk: int) -> int:
        """Return the number of samples in chunk number `chunk`; the last one may be smaller."""
        if not 0 <= chunk < self.chunks_per_experiment:
            raise InputError(f"chunk {chunk}: expected 0 to {self.chunks_per_experiment - 1}")
        return min(self.chunk, self.nets - chunk * self.chunk)

    def stream(self, experiment: int) -> Run:
        """The seed of an experiment, and its number among those of that seed."""
        number = experiment
        for run in self.runs if experiment >= 0 else ():
            if number < run.experiments:
                return Run(run.seed, number)
            number -= run.experiments
        raise InputError(f"experiment {experiment}: expected 0 to {self.experiments - 1}")

    def plan(self) -> Iterator[Chunk]:
        """Yield every chunk, experiment by experiment: the order in which their statistics are added."""
        for experiment in range(self.experiments):
            for chunk in range(self.chunks_per_experiment):
                yield Chunk(experiment, chunk, self.chunk_samples(chunk))

    def points(self) -> FloatArray:
        """Return the inputs, shape (points, d_in)."""
        return as_points(self.inputs, self.architecture.d_in)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; raise InputError for an activation that a file cannot name."""
        architecture = self.architecture
        name = architecture.activation.name
        if known_activation(name) != architecture.activation:
            raise InputError(
                f"activation {name!r} is another function than the one known by that name and cannot be stored; register it "
                "under a name of its own, or run without a directory"
            )
        return {
            "net": name,
            **{field: getattr(architecture, field) for field in _ARCHITECTURE},
            "inputs": [list(point) for point in self.inputs],
            "width": self.width,
            "nets": self.nets,
            "runs": [run._asdict() for run in self.runs],
            "chunk": self.chunk,
            "record": self.record.value,
            "engine": self.engine.value,
        }

    @classmethod
    def from_json(cls, value: object, place: str = "settings") -> SimulationSettings:
        """Invert `to_json`; raise InputError, starting with `place`, for anything else."""
        if not isinstance(value, dict) or set(value) != _FIELDS:
            got = sorted(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise InputError(f"{place}: got {got}; expected an object with the keys {', '.join(sorted(_FIELDS))}")
        try:
            architecture = Architecture(
                known_activation(str(value["net"])),
                value["d_in"],
                float(value["sigma_w"]),
                float(value["sigma_b"]),
                value["depth"],
                value["d_out"],
            )
            points = as_points(value["inputs"], architecture.d_in)
            return cls(
                architecture,
                tuple(tuple(row) for row in points.tolist()),
                value["width"],
                value["nets"],
                _runs_from_json(value["runs"]),
                value["chunk"],
                Record(value["record"]),
                Engine(value["engine"]),
            )
        except (TypeError, ValueError) as problem:
            raise InputError(f"{place}: {problem}") from None


def _runs_from_json(value: object) -> tuple[Run, ...]:
    expected = InputError(f"runs = {value!r}: expected a list of objects with the keys seed and experiments")
    if not isinstance(value, list):
        raise expected
    for run in value:
        if not isinstance(run, dict) or set(run) != set(Run._fields):
            raise expected
    return tuple(Run(**run) for run in value)


_ARCHITECTURE: Final = ("d_in", "sigma_w", "sigma_b", "depth", "d_out")
_FIELDS: Final = {"net", *_ARCHITECTURE, "inputs", "width", "nets", "runs", "chunk", "record", "engine"}


def normals_per_sample(architecture: Architecture, points: int, width: int | None) -> int:
    """Random numbers behind one network or neuron, values of the activation counted as an eighth of one each."""
    draws = architecture.d_in + 1
    if width is None:
        return draws + points // 8
    return width * (draws + (architecture.depth - 1) * width + architecture.d_out + architecture.depth * (points // 8))


def default_chunk(points: int, architecture: Architecture, width: int | None, record: Record) -> int:
    """Return the samples per chunk, bounded by number, by random draws, and by products."""
    layout = Layout(points, record)
    by_draws = CHUNK_NORMALS // max(1, normals_per_sample(architecture, points, width))
    # Beyond some points a chunk's vector is large: more samples per vector keep the disk out of the way.
    return max(1, min(CHUNK_SAMPLES, by_draws, CHUNK_PRODUCTS // layout.size))


def scaled_inputs(architecture: Architecture, points: FloatArray) -> FloatArray:
    """Return x sigma_w / sqrt(d_in), shape (points, d_in): the pre-activation per unit normal weight."""
    scaled: FloatArray = points * (architecture.sigma_w / sqrt(architecture.d_in))
    return scaled
