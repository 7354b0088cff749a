"""The fast way to draw networks: compiled by numba (the `fast` extra), counter-based, in float32 or float64.

Nothing else in the package imports numba, and nothing imports this room before it is asked for.
"""

from feyn_nn.ensembles.fast.drawing import NeuronTails, draw_networks, draw_neurons
from feyn_nn.ensembles.fast.problem import FastProblem, Nonlinearity, Precision

__all__ = ["FastProblem", "NeuronTails", "Nonlinearity", "Precision", "draw_networks", "draw_neurons"]
