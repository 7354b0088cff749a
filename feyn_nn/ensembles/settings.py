"""What a simulation depends on: an architecture, inputs, width, numbers of networks, a seed and a chunk size.

Two runs with equal settings give the same bits on one machine and NumPy build, whatever the number of
workers, their order, or interruptions. The chunk size is therefore a setting: a chunk is the unit that one
random generator fills, one task computes and one file stores. Simulation conventions: physics notes, notation
and section 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from operator import index
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from feyn_nn.arrays import FloatArray, as_points
from feyn_nn.ensembles.statistics import Layout
from feyn_nn.errors import InputError
from feyn_nn.network import PRESETS, Architecture, preset

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

# A chunk takes some tenths of a second: long against the cost of a file and a task, short against patience.
CHUNK_NETS: Final = 2**16
CHUNK_NEURONS: Final = 2**21
CHUNK_PRODUCTS: Final = 2**32


class Chunk(NamedTuple):
    """One unit of work: chunk number `chunk` of `experiment`, holding `nets` networks."""

    experiment: int
    chunk: int
    nets: int


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Everything that the numbers of a simulated ensemble depend on.

    `inputs` has one tuple of d_in coordinates per point, `nets` is the number of networks in *each*
    experiment. Raises InputError for a value out of range, LimitError where the points are too many to keep
    all products.
    """

    architecture: Architecture
    inputs: tuple[tuple[float, ...], ...]
    width: int
    nets: int
    experiments: int
    seed: int
    chunk: int

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise InputError(f"{name} = {value!r}: expected an integer, {least} or more")
        as_points(self.inputs, self.architecture.d_in)
        Layout(len(self.inputs))  # refuses too many points

    @classmethod
    def make(
        cls,
        architecture: Architecture,
        inputs: npt.ArrayLike,
        width: int,
        nets: int,
        experiments: int,
        seed: int,
        chunk: int | None = None,
    ) -> SimulationSettings:
        """Build settings from an array of inputs (points, d_in), or a flat list for d_in = 1.

        The default chunk is a fixed function of the other settings, so that equal commands give equal
        numbers.
        """
        points = as_points(inputs, architecture.d_in)
        numbers: dict[str, int] = {}
        for name, value in (("width", width), ("nets", nets), ("experiments", experiments), ("seed", seed)):
            try:
                numbers[name] = index(value)
            except TypeError:
                raise InputError(f"{name} = {value!r}: expected an integer, {_LEAST[name]} or more") from None
        if chunk is None:
            chunk = default_chunk(len(points), architecture.d_in, max(numbers["width"], 1))
            chunk = max(1, min(chunk, numbers["nets"]))
        return cls(architecture, tuple(tuple(row) for row in points.tolist()), **numbers, chunk=chunk)

    @property
    def chunks_per_experiment(self) -> int:
        """Number of chunks in each experiment."""
        return -(-self.nets // self.chunk)

    @property
    def chunks(self) -> int:
        """Number of chunks in all."""
        return self.chunks_per_experiment * self.experiments

    @property
    def layout(self) -> Layout:
        """Layout of the statistics of one chunk."""
        return Layout(len(self.inputs))

    def chunk_nets(self, chunk: int) -> int:
        """Return the number of networks in chunk number `chunk`; the last one may be smaller."""
        if not 0 <= chunk < self.chunks_per_experiment:
            raise InputError(f"chunk {chunk}: expected 0 to {self.chunks_per_experiment - 1}")
        return min(self.chunk, self.nets - chunk * self.chunk)

    def plan(self) -> Iterator[Chunk]:
        """Yield every chunk, experiment by experiment: the order in which their statistics are added."""
        for experiment in range(self.experiments):
            for chunk in range(self.chunks_per_experiment):
                yield Chunk(experiment, chunk, self.chunk_nets(chunk))

    def points(self) -> FloatArray:
        """Return the inputs, shape (points, d_in)."""
        return as_points(self.inputs, self.architecture.d_in)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; raise InputError for an activation that a file cannot name."""
        activation = self.architecture.activation
        if activation.name not in PRESETS or PRESETS[activation.name].activation != activation:
            raise InputError(
                f"activation {activation.name!r} is not one of {', '.join(PRESETS)} and cannot be stored; "
                "run without a directory"
            )
        return {
            "net": activation.name,
            "d_in": self.architecture.d_in,
            "sigma_w": self.architecture.sigma_w,
            "sigma_b": self.architecture.sigma_b,
            "inputs": [list(point) for point in self.inputs],
            **{name: getattr(self, name) for name in _LEAST},
        }

    @classmethod
    def from_json(cls, value: object, place: str = "settings") -> SimulationSettings:
        """Invert `to_json`; raise InputError, starting with `place`, for anything else."""
        if not isinstance(value, dict) or set(value) != _FIELDS:
            got = sorted(map(str, value)) if isinstance(value, dict) else type(value).__name__
            raise InputError(f"{place}: got {got}; expected an object with the keys {', '.join(sorted(_FIELDS))}")
        try:
            if type(value["d_in"]) is not int:
                raise InputError(f"d_in = {value['d_in']!r}: expected a positive integer")
            architecture = Architecture(
                preset(str(value["net"])).activation,
                value["d_in"],
                float(value["sigma_w"]),
                float(value["sigma_b"]),
            )
            points = as_points(value["inputs"], architecture.d_in)
            inputs = tuple(tuple(row) for row in points.tolist())
            return cls(architecture, inputs, **{name: value[name] for name in _LEAST})
        except (TypeError, ValueError) as problem:
            raise InputError(f"{place}: {problem}") from None


_LEAST: Final = {"width": 1, "nets": 1, "experiments": 1, "seed": 0, "chunk": 1}
_FIELDS: Final = {"net", "d_in", "sigma_w", "sigma_b", "inputs", *_LEAST}


def default_chunk(points: int, d_in: int, width: int) -> int:
    """Return the networks per chunk, bounded by number, by random draws, and by products."""
    layout = Layout(points)
    neurons = CHUNK_NEURONS / max(1.0, (points + d_in) / 8)
    # Beyond some points a chunk's vector is large: more networks per vector keep the disk out of the way.
    return max(1, int(min(CHUNK_NETS, neurons // width, CHUNK_PRODUCTS // layout.size)))


def scaled_inputs(architecture: Architecture, points: FloatArray) -> FloatArray:
    """Return x sigma_w / sqrt(d_in), shape (points, d_in): the pre-activation per unit normal weight."""
    scaled: FloatArray = points * (architecture.sigma_w / sqrt(architecture.d_in))
    return scaled
