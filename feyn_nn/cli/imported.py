"""Options that name somebody else's ensemble, shared by `measure` and `crosscheck`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from feyn_nn.ensembles import read_outputs
from feyn_nn.errors import InputError
from feyn_nn.files import is_archive

if TYPE_CHECKING:
    import argparse

    from feyn_nn.ensembles import Ensemble


def add_imported(parser: argparse.ArgumentParser) -> None:
    """--outputs and --experiment-labels; `--inputs` and `--experiments` are the command's."""
    parser.add_argument(
        "--outputs",
        metavar="FILE",
        help="somebody's outputs: .npy of shape (networks, inputs[, d_out]) with --inputs FILE, or .npz with arrays outputs, "
        "inputs and, if wanted, experiment (integer labels)",
    )
    parser.add_argument(
        "--experiment-labels",
        metavar="FILE",
        help="integers, .npy of shape (networks,): networks of --outputs with equal labels form an experiment (default: "
        "--experiments equal parts, in order)",
    )


def imported(options: argparse.Namespace) -> Ensemble:
    """Read the ensemble of --outputs, and say on stderr what was left out.

    `options.experiments` is None where the user gave none: labels and a number of parts exclude each other.
    """
    experiments = options.experiments
    if options.experiment_labels is not None:
        if experiments is not None:
            raise InputError(
                f"--experiments {experiments} and --experiment-labels {options.experiment_labels} both say which networks "
                "form an experiment; leave one out"
            )
        experiments = Path(options.experiment_labels)
    outputs, inputs = Path(options.outputs), None if options.inputs is None else Path(options.inputs)
    if inputs is None and not is_archive(outputs):
        raise InputError(
            f"--outputs {outputs}: give the inputs at which they were taken with --inputs FILE.npy, or in an .npz"
        )
    ensemble = read_outputs(outputs, inputs, experiments)
    if ensemble.left_out:
        sys.stderr.write(
            f"feyn-nn: the last {ensemble.left_out} networks of {options.outputs} do not fill an experiment and are left out\n"
        )
    return ensemble
