"""Where the ensembles behind the figures are kept: simulated once, stored, resumed, shared between figures."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from feyn_nn.ensembles import Engine, Ensemble, Record, SimulationSettings, run
from feyn_nn.network import TALK_EXPERIMENTS, TALK_NETS

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from feyn_nn.arrays import FloatArray
    from feyn_nn.ensembles.execution import Progress
    from feyn_nn.network import Architecture


class Size(Enum):
    """How many samples stand in each experiment: the default size, or the talk's own."""

    DEFAULT = "default"
    FULL = "full"


_SEEDS: Final = 10_000
"""Every width has random numbers of its own, so that what two widths say is independent."""
_NETS: Final = {Size.DEFAULT: 20_000, Size.FULL: TALK_NETS}
_NEURONS: Final = {Size.DEFAULT: 400_000, Size.FULL: 4 * TALK_NETS}


def _silent(_name: str) -> AbstractContextManager[None]:
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Workshop:
    """Ensembles of one reproduction, in DIR/ensembles; `progress` shows that of one, by its name."""

    directory: Path
    size: Size
    workers: int
    seed: int = 0
    engine: Engine = Engine.NUMPY
    progress: Callable[[str], AbstractContextManager[Progress | None]] = _silent

    def networks(self, architecture: Architecture, inputs: FloatArray, width: int) -> Ensemble:
        """Networks of one width, outputs alone recorded: for plain averages, as the talk took them."""
        settings = self._settings(architecture, inputs, width, _NETS[self.size], Record.OUTPUTS)
        return self._run(
            f"{architecture.activation.name}-d{architecture.d_in}-o{architecture.d_out}-n{width}", settings
        )

    def neurons(self, architecture: Architecture, inputs: FloatArray) -> Ensemble:
        """One stream of neurons, which serves every width; with the tilted bias for Gauss-net."""
        record = Record.TILTED if architecture.activation.normalised else Record.NEURONS
        settings = self._settings(replace(architecture, d_out=1), inputs, None, _NEURONS[self.size], record)
        return self._run(f"{architecture.activation.name}-d{architecture.d_in}-{record.value}", settings)

    def describe(self) -> dict[str, Any]:
        """What all figures of this workshop have in common, as JSON types."""
        return {
            "size": self.size.value,
            "experiments": TALK_EXPERIMENTS,
            "networks_per_experiment": _NETS[self.size],
            "neurons_per_experiment": _NEURONS[self.size],
            "seed": self.seed,
            "engine": self.engine.value,
        }

    def _settings(
        self, architecture: Architecture, inputs: FloatArray, width: int | None, nets: int, record: Record
    ) -> SimulationSettings:
        return SimulationSettings.make(
            architecture,
            inputs,
            width,
            nets,
            TALK_EXPERIMENTS,
            self.seed * _SEEDS + (width or 0),
            record=record,
            engine=self.engine,
        )

    def _run(self, name: str, settings: SimulationSettings) -> Ensemble:
        with self.progress(name) as move:
            return run(settings, self.directory / "ensembles" / name, resume=True, workers=self.workers, progress=move)
