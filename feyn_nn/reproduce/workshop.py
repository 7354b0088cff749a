"""Where the ensembles behind the figures are kept: simulated once, stored, resumed, shared between figures."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

from feyn_nn.ensembles import Engine, Ensemble, Record, SimulationSettings, run
from feyn_nn.errors import InputError
from feyn_nn.network import TALK_EXPERIMENTS, TALK_NETS, TALK_WIDTHS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.execution import Progress
    from feyn_nn.network import Architecture


@dataclass(frozen=True, slots=True)
class Size:
    """How much is simulated: networks of each width, and single neurons, in each experiment."""

    name: str
    networks: int
    neurons: int
    experiments: int = TALK_EXPERIMENTS
    widths: tuple[int, ...] = TALK_WIDTHS


DEFAULT: Final = Size("default", 20_000, 400_000)
FULL: Final = Size("full", TALK_NETS, 4 * TALK_NETS)

_ENSEMBLES: Final = "ensembles"
_STREAMS: Final = 2**32
_MOST_OUTPUTS: Final = 10


def _silent(_name: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Workshop:
    """Ensembles of one reproduction, in DIR/ensembles; `progress` shows that of one, by its name.

    Every ensemble has random numbers of its own, from `seed` and its name, so that what two of them say is independent.
    """

    directory: Path
    size: Size
    workers: int
    seed: int = 0
    engine: Engine = Engine.NUMPY
    progress: Callable[[str], AbstractContextManager[Progress | None]] = _silent
    _made: dict[str, Ensemble] = field(default_factory=dict, init=False, repr=False, compare=False)

    def open(self) -> None:
        """Make the directory; raises InputError where it cannot be, and for one that holds something else."""
        try:
            foreign = self.directory.is_dir() and any(self.directory.iterdir())
            if foreign and not (self.directory / _ENSEMBLES).is_dir():
                raise InputError(f"{self.directory} is not empty and holds no reproduction; name another directory")
            (self.directory / _ENSEMBLES).mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise InputError(f"cannot create {self.directory}: {problem.strerror}; name another directory") from None

    def networks(self, architecture: Architecture, inputs: FloatArray, width: int) -> Ensemble:
        """Networks of one width: their outputs, for plain averages as in the talk, and their K_hat.

        Of many outputs there are fewer networks, so that there are at most ten times as many outputs as networks of one.
        """
        name = f"{architecture.activation.name}-d{architecture.d_in}-o{architecture.d_out}-n{width}"
        nets = min(self.size.networks, max(1, _MOST_OUTPUTS * self.size.networks // architecture.d_out))
        return self._run(name, architecture, inputs, width, Record.CONDITIONAL, nets)

    def neurons(self, architecture: Architecture, inputs: FloatArray) -> Ensemble:
        """One stream of neurons, which serves every width and number of outputs; of the tilted law for Gauss-net."""
        record = Record.TILTED if architecture.activation.normalised else Record.NEURONS
        name = f"{architecture.activation.name}-d{architecture.d_in}-{record.value}"
        return self._run(name, replace(architecture, d_out=1), inputs, None, record, self.size.neurons)

    def describe(self) -> dict[str, Any]:
        """What all figures of this workshop have in common, as JSON types."""
        return {
            "size": self.size.name,
            "experiments": self.size.experiments,
            "networks_per_experiment": self.size.networks,
            "neurons_per_experiment": self.size.neurons,
            "widths": list(self.size.widths),
            "seed": self.seed,
            "engine": self.engine.value,
        }

    def _run(
        self,
        name: str,
        architecture: Architecture,
        inputs: FloatArray,
        width: int | None,
        record: Record,
        samples: int,
    ) -> Ensemble:
        if name in self._made:
            return self._made[name]
        settings = SimulationSettings.make(
            architecture,
            inputs,
            width,
            samples,
            self.size.experiments,
            self.seed * _STREAMS + crc32(name.encode()),
            record=record,
            engine=self.engine,
        )
        with self.progress(name) as move:
            self._made[name] = run(
                settings, self.directory / _ENSEMBLES / name, resume=True, workers=self.workers, progress=move
            )
        return self._made[name]
