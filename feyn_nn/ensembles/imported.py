"""Other people's ensembles: outputs of networks that were made elsewhere.

Outputs have shape (networks, inputs) or (networks, inputs, d_out), in any number: they are read once, in blocks. They come
in an `.npy` file, with the inputs in another; or in an `.npz` archive with the arrays

    outputs      (networks, inputs) or (networks, inputs, d_out)
    inputs       (points, d_in), or (points,) for d_in = 1; may be left out where a file of its own holds it
    experiment   (networks,), integers: networks with equal labels form an experiment; may be left out

and no others, lest a misspelt name go unnoticed. Without labels the networks are split, in the order in which they come,
into contiguous experiments of equal size; the remainder at the end is left out and counted. With labels the experiments
are those of increasing label and may have unequal numbers of networks. Each then counts the same in a mean over experiments:
if the estimate from each is unbiased, so is their mean, and so is spread^2/experiments for its variance,

    E[sum_e (Y_e - mean)^2] / (E (E - 1)) = sum_e Var(Y_e) / E^2,

whatever the sizes; weights by size could only make the error bar smaller.

Several outputs of a network are averaged, in products of outputs of equal index, as further samples of the same law *within*
its experiment: they share a hidden layer, so they are not independent, and error bars come from the spread between
experiments, which stay independent. Hidden layers are unknown, so there is no conditional kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np

from feyn_nn import files
from feyn_nn.arrays import FloatArray, IntArray, as_points
from feyn_nn.ensembles.ensemble import Ensemble, ensemble_from_sums
from feyn_nn.ensembles.products import BATCH
from feyn_nn.ensembles.statistics import Layout, Record, Sums
from feyn_nn.errors import InputError, LimitError
from feyn_nn.network import TALK_EXPERIMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

MIN_NETWORKS: Final = 6
"""Networks without which products of six outputs have cumulants that nothing estimates without bias."""
OUTPUTS, INPUTS, EXPERIMENT = "outputs", "inputs", "experiment"

_BLOCK_NUMBERS: Final = 2**18
_WAITING_NUMBERS: Final = 2**19
_LIMIT_GB: Final = 2.0


def from_outputs(
    outputs: npt.ArrayLike, inputs: npt.ArrayLike, experiments: int | npt.ArrayLike, *, place: str = OUTPUTS
) -> Ensemble:
    """Build an ensemble from outputs (networks, inputs[, d_out]), possibly memory-mapped, read in blocks.

    `inputs` has shape (points, d_in), or (points,) for d_in = 1; `experiments` is the number of contiguous equal parts, or
    integer labels of shape (networks,). Raises InputError, starting with `place`, for shapes that disagree, fewer than two
    experiments, an experiment of fewer than 6 networks, a value that is not finite, or products out of range; LimitError
    for too many points or experiments.
    """
    array, points = _array(outputs, place), _points(_array(inputs, INPUTS), INPUTS)
    split: int | files.ArrayReader
    if isinstance(experiments, int | np.integer):
        split = int(experiments)
    else:
        split = files.MappedArray(EXPERIMENT, _array(experiments, EXPERIMENT))
    return _ensemble(files.MappedArray(place, array), points, split)


def read_outputs(
    outputs_path: Path, inputs_path: Path | None = None, experiments: int | Path | None = None
) -> Ensemble:
    """Read outputs from an `.npy` file or an `.npz` archive, one block at a time; see `from_outputs`.

    `inputs_path` is an `.npy` file, None if the archive holds the inputs; `experiments` the number of contiguous equal parts,
    or an `.npy` file of labels; None stands for the labels of the archive, or 10 parts where it has none. Raises InputError
    also for what is missing or given twice, and for files that are not what they should be (see `files`).
    """
    archive: dict[str, files.ArchivedArray] = {}
    outputs: files.ArrayReader
    if files.is_archive(outputs_path):
        archive = files.open_archive(outputs_path, (OUTPUTS, INPUTS, EXPERIMENT))
        if OUTPUTS not in archive:
            raise InputError(f"{outputs_path} holds no array {OUTPUTS!r}; save it with numpy.savez(FILE, outputs=...)")
        outputs = archive[OUTPUTS]
    else:
        outputs = files.open_array(outputs_path)
    points = _inputs(outputs_path, archive, inputs_path)
    labels = archive.get(EXPERIMENT)
    if labels is not None and experiments is not None:
        raise InputError(
            f"{labels.name} says which networks form an experiment, and so does {experiments}; leave one out"
        )
    split: int | files.ArrayReader
    if experiments is None:
        split = TALK_EXPERIMENTS if labels is None else labels
    elif isinstance(experiments, int):
        split = experiments
    else:
        split = files.open_array(experiments)
    return _ensemble(outputs, points, split)


def _inputs(outputs_path: Path, archive: dict[str, files.ArchivedArray], path: Path | None) -> FloatArray:
    held = archive.get(INPUTS)
    if path is not None and held is not None:
        raise InputError(f"{held.name} are the inputs, and so are those of {path}; leave one out")
    if path is not None:
        return _points(files.read_array(path), str(path))
    if held is not None:
        return _points(held.whole(), held.name)
    raise InputError(
        f"{outputs_path}: the inputs at which the outputs were taken are missing; give an .npy file of shape (points[, d_in]), "
        f"or put an array {INPUTS!r} beside {OUTPUTS!r} in an .npz"
    )


def _points(coordinates: npt.NDArray[Any], place: str) -> FloatArray:
    return as_points(coordinates, coordinates.shape[1] if coordinates.ndim == 2 else 1, place)


def _array(values: npt.ArrayLike, place: str) -> npt.NDArray[Any]:
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as problem:
        raise InputError(f"{place}: expected an array of numbers ({problem})") from None


@final
@dataclass(frozen=True, slots=True)
class _Parts:
    """Contiguous experiments of equal size."""

    networks: int
    experiments: int

    @classmethod
    def of(cls, outputs: files.ArrayReader, experiments: int, each: float) -> _Parts:
        """Split; raise LimitError if experiments take too much memory, `each` in GB."""
        networks = outputs.shape[0]
        if experiments < 2:
            raise InputError(f"experiments = {experiments}: an error bar needs two or more")
        if networks < MIN_NETWORKS * experiments:
            raise InputError(
                f"{outputs.name}: {networks} networks do not fill {experiments} experiments of {MIN_NETWORKS} or more, "
                "without which sixth cumulants have no unbiased estimate; give more networks or ask for fewer experiments"
            )
        if experiments * each > _LIMIT_GB:
            raise LimitError(
                f"experiments = {experiments}: their sums take {experiments * each:.2g} GB of memory, limit {_LIMIT_GB:g}; "
                "ask for fewer, or take fewer points or outputs"
            )
        return cls(networks, experiments)

    @property
    def left_out(self) -> int:
        """The remainder."""
        return self.networks % self.experiments

    def blocks(self, rows: int) -> Iterator[IntArray]:
        """Yield the part that each network is in; the remainder is beyond the last one."""
        for start in range(0, self.networks, rows):
            yield np.arange(start, min(start + rows, self.networks)) // (self.networks // self.experiments)

    def name(self, experiment: int) -> str:
        """The number of the part."""
        return f"experiment {experiment}"


@final
@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """Experiments of networks with equal labels, in increasing order of labels."""

    reader: files.ArrayReader
    labels: IntArray
    left_out = 0

    @classmethod
    def of(cls, outputs: files.ArrayReader, reader: files.ArrayReader, each: float) -> _Labels:
        """Read all labels once; raise LimitError as soon as experiments take too much memory, `each` in GB."""
        networks = outputs.shape[0]
        if reader.dtype.kind not in "iu":
            raise InputError(f"{reader.name}: dtype {reader.dtype}; expected integers, one label for each network")
        if reader.shape != (networks,):
            raise InputError(
                f"{reader.name}: shape {reader.shape}; expected ({networks},), one label per network of {outputs.name}"
            )
        sizes: dict[int, int] = {}
        for block in reader.blocks(_BLOCK_NUMBERS):
            for label, count in zip(*np.unique(block, return_counts=True), strict=True):
                sizes[int(label)] = sizes.get(int(label), 0) + int(count)
            if len(sizes) * each > _LIMIT_GB:
                raise LimitError(
                    f"{reader.name}: the sums of {len(sizes)} different labels or more take {len(sizes) * each:.2g} GB of "
                    f"memory, limit {_LIMIT_GB:g}; expected fewer experiments, of many networks each"
                )
        if len(sizes) < 2:
            raise InputError(
                f"{reader.name} has {len(sizes)} different labels: an error bar needs two experiments or more"
            )
        small = min(sizes, key=lambda label: (sizes[label], label))
        if sizes[small] < MIN_NETWORKS:
            raise InputError(
                f"{reader.name}: label {small} has {sizes[small]} networks; expected {MIN_NETWORKS} or more in an experiment, "
                "without which sixth cumulants have no unbiased estimate"
            )
        return cls(reader, np.array(sorted(sizes), dtype=reader.dtype))

    @property
    def experiments(self) -> int:
        """How many labels there are."""
        return len(self.labels)

    def blocks(self, rows: int) -> Iterator[IntArray]:
        """Yield the places of labels among all in increasing order."""
        for block in self.reader.blocks(rows):
            yield np.searchsorted(self.labels, block)

    def name(self, experiment: int) -> str:
        """The label itself."""
        return f"the experiment with label {self.labels[experiment]}"


def _ensemble(outputs: files.ArrayReader, points: FloatArray, split: int | files.ArrayReader) -> Ensemble:
    if outputs.dtype.kind not in "fiu":
        raise InputError(f"{outputs.name}: dtype {outputs.dtype}; expected real numbers")
    if len(outputs.shape) not in (2, 3) or 0 in outputs.shape[1:]:
        raise InputError(
            f"{outputs.name}: shape {outputs.shape}; expected (networks, inputs) or (networks, inputs, d_out)"
        )
    if outputs.shape[1] != len(points):
        raise InputError(
            f"{outputs.name}: shape {outputs.shape} has {outputs.shape[1]} inputs where {len(points)} points "
            "are given; expected (networks, inputs[, d_out]) at the same points"
        )
    layout = Layout(len(points), Record.OUTPUTS)
    d_out = outputs.shape[2] if len(outputs.shape) == 3 else 1
    waiting = layout.points * -(-BATCH // d_out) * d_out  # the least that _ExperimentSums keeps for each
    each = 8e-9 * (2 * layout.size + waiting)
    parts = _Parts.of(outputs, split, each) if isinstance(split, int) else _Labels.of(outputs, split, each)
    with np.errstate(over="ignore", invalid="ignore"):  # a product out of range is refused with its experiment
        totals = _totals(outputs, layout, d_out, parts)
        out_of_range = np.flatnonzero(~np.isfinite(totals).all(axis=1))
        if len(out_of_range):
            raise InputError(
                f"{outputs.name}, {parts.name(int(out_of_range[0]))}: a product of outputs exceeds the range of a double "
                "(about 1e308); rescale the outputs"
            )
        return ensemble_from_sums(totals, layout, points, d_out=d_out, left_out=parts.left_out)


def _totals(outputs: files.ArrayReader, layout: Layout, d_out: int, parts: _Parts | _Labels) -> FloatArray:
    """Read everything once: the sums over the networks of each experiment, shape (experiments, layout.size)."""
    sums = _ExperimentSums(layout, parts.experiments, d_out)
    rows = max(1, _BLOCK_NUMBERS // (layout.points * d_out))
    lost, first, start = 0, "", 0
    for block, experiments in zip(outputs.blocks(rows), parts.blocks(rows), strict=True):
        part = np.array(block, dtype=np.float64).reshape(len(block), layout.points, d_out)
        finite = np.isfinite(part)
        if not finite.all():
            if not lost:
                network, point, output = (int(k) for k in np.argwhere(~finite)[0])
                first = f"network {start + network}, input {point}{f', output {output}' if d_out > 1 else ''} is "
                first += str(part[network, point, output])
            lost += len(part) - int(np.sum(finite.all(axis=(1, 2))))
        if not lost:
            sums.add(experiments, part)
        start += len(part)
    if lost:
        raise InputError(
            f"{outputs.name}: {lost} of {start} networks have values that are not finite, first {first}; averages without "
            "them would be of another law; mend what makes them, or leave them out yourself"
        )
    return sums.finish()


class _ExperimentSums:
    """Running sums for every experiment.

    Networks wait until a fixed number of their experiment has come, and are then added up at once. So sums depend on the
    order of networks within their experiment only, not on how experiments are interleaved nor on the size of blocks, and
    only one `Sums` with its scratch exists at a time.
    """

    def __init__(self, layout: Layout, experiments: int, d_out: int) -> None:
        self._layout = layout
        least, most = -(-BATCH // d_out), _WAITING_NUMBERS // (experiments * layout.points * d_out)
        self._waiting = np.empty((experiments, layout.points, max(least, most - most % least), d_out))
        self._held = [0] * experiments
        self._totals = np.zeros((experiments, layout.size))

    def add(self, experiments: IntArray, outputs: FloatArray) -> None:
        """Add networks, shape (networks, points, d_out), each to its experiment; those beyond the last are left out."""
        order = np.argsort(experiments, kind="stable")
        present, starts = np.unique(experiments[order], return_index=True)
        for experiment, members in zip(present, np.split(order, starts[1:]), strict=True):
            if experiment < len(self._held):
                self._add(int(experiment), outputs[members].transpose(1, 0, 2))

    def finish(self) -> FloatArray:
        """Add what still waits; return the sums, shape (experiments, layout.size)."""
        for experiment in range(len(self._held)):
            self._flush(experiment)
        return self._totals

    def _add(self, experiment: int, outputs: FloatArray) -> None:
        waiting = self._waiting[experiment]
        start = 0
        while start < outputs.shape[1]:
            held = self._held[experiment]
            taken = outputs[:, start : start + waiting.shape[1] - held]
            waiting[:, held : held + taken.shape[1]] = taken
            self._held[experiment] += taken.shape[1]
            start += taken.shape[1]
            if self._held[experiment] == waiting.shape[1]:
                self._flush(experiment)

    def _flush(self, experiment: int) -> None:
        held = self._held[experiment]
        if held:
            sums = Sums(self._layout)
            sums.add_networks(self._waiting[experiment][:, :held])
            self._layout.combine(self._totals[experiment], sums.vector())
            self._held[experiment] = 0
