"""Moments M_n(x_1 .. x_n) = E[phi(z_1) ... phi(z_n)] of one neuron, z_i = W0.x_i + b0, for every architecture.

W0 ~ N(0, sigma_w^2/d_in) and b0 ~ N(0, sigma_b^2), for Gauss-net with its normaliser (`feyn_nn.network`); physics notes,
sections 3 and 7. With g a standard Gaussian vector z_i = u_i.g, u_i = (sigma_b, sigma_w x_i / sqrt(d_in)); in a deeper layer
the pre-activations have other vectors u_i (`feyn_nn.exact.deep`). Arrays run over the sorted n-tuples of the inputs, repeats
allowed, in lexicographic order (`combinatorics.sorted_tuples`). Every order says by which method it was found and how well it
is known:

- Gauss-net: closed form (`feyn_nn.exact.gauss`);
- Erf-net: moments of signs, nested integrals of dimension n/2 - 1 (`feyn_nn.exact.erf`), from order 8 on a lattice where that
  is as good;
- ReLU-net: integrals over arcs and spherical triangles, in more dimensions integration by parts (`feyn_nn.exact.relu`);
- any other activation: quadrature over the weights and the bias (`feyn_nn.exact.quadrature`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Final

from feyn_nn.arrays import FloatArray, as_points
from feyn_nn.combinatorics import sorted_tuples
from feyn_nn.errors import InputError, LimitError
from feyn_nn.exact import erf
from feyn_nn.exact.gauss import gauss_moments
from feyn_nn.exact.quadrature import MAX_DIMENSION, quadrature_moments
from feyn_nn.exact.relu import relu_moments
from feyn_nn.exact.sphere import spanned
from feyn_nn.kernels.geometry import augmented
from feyn_nn.kernels.layered import hidden_neurons
from feyn_nn.network import ERF, GAUSS, RELU

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from feyn_nn.exact.tuples import OrderMoments
    from feyn_nn.kernels.neuron import Neuron
    from feyn_nn.network import Architecture

MAX_TUPLES: Final = 2_000_000
_LATTICE_IS_AS_GOOD: Final = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class NeuronMoments:
    """Moments of one neuron at `inputs`, shape (points, d_in); `by_order[n]` has those of n factors."""

    architecture: Architecture
    inputs: FloatArray
    by_order: Mapping[int, OrderMoments]

    @property
    def values(self) -> dict[int, FloatArray]:
        """M_n by order, shape (tuples,)."""
        return {n: each.values for n, each in self.by_order.items()}

    @property
    def error(self) -> dict[int, FloatArray]:
        """Bounds on the absolute errors by order, shape (tuples,)."""
        return {n: each.error for n, each in self.by_order.items()}

    @property
    def accuracy(self) -> dict[int, float]:
        """The largest relative error by order, of moments that are not zero within their bound."""
        return {n: each.accuracy for n, each in self.by_order.items()}

    @property
    def methods(self) -> dict[int, str]:
        """How the moments were found, in words, by order."""
        return {n: each.method for n, each in self.by_order.items()}

    def tuples(self, n: int) -> list[tuple[int, ...]]:
        """0-based indices into `inputs`, one tuple for every entry of order n."""
        return sorted_tuples(len(self.inputs), n)

    def __str__(self) -> str:
        """One line an order."""
        lines = (
            f"M_{n}: {len(each.values)} tuples, {each.method}, relative accuracy {each.accuracy:.1e}"
            for n, each in self.by_order.items()
        )
        return "\n".join(lines)


def neuron_moments(architecture: Architecture, inputs: FloatArray, orders: Sequence[int]) -> NeuronMoments:
    """Return the moments of the given orders over all sorted tuples of `inputs`, shape (points, d_in).

    Raises InputError for more than one hidden layer, an order below 1, inputs of another shape, and an activation that returns
    what is not a number; LimitError for more than two million tuples, values beyond floating-point numbers, and integrals that
    would take minutes.

    >>> from feyn_nn.network import preset
    >>> relu = preset("relu")
    >>> print(neuron_moments(relu.architecture(), relu.points(), (2, 4, 6)))
    M_2: 21 tuples, closed form, relative accuracy 1.0e-14
    M_4: 126 tuples, closed form, relative accuracy 1.0e-14
    M_6: 462 tuples, closed form, relative accuracy 1.0e-14
    """
    points = as_points(inputs, architecture.d_in)
    check_one_hidden_layer(architecture)
    wanted = sorted(set(orders))
    for n in wanted:
        if n < 1:
            raise InputError(f"moment of order {n}: expected one factor or more")
        tuples = comb(len(points) + n - 1, n)
        if tuples > MAX_TUPLES:
            raise LimitError(
                f"moments of order {n} at {len(points)} inputs: {tuples} tuples, expected at most {MAX_TUPLES}; ask for fewer "
                "inputs or a lower order"
            )
    neuron = next(hidden_neurons(architecture))
    vectors = augmented(points, architecture.d_in, architecture.sigma_w, architecture.sigma_b)
    return NeuronMoments(architecture, points, moments_at(neuron, vectors, wanted) if wanted else {})


def check_one_hidden_layer(architecture: Architecture) -> None:
    """Raise InputError for a deeper network."""
    if architecture.depth > 1:
        raise InputError(
            f"depth {architecture.depth}: correlators at every width are known for one hidden layer; for more use "
            "feyn_nn.exact.deep.deep_four_point, which is of leading order in 1/N"
        )


def moments_at(neuron: Neuron, vectors: FloatArray, orders: Sequence[int]) -> dict[int, OrderMoments]:
    """Moments for pre-activations z = u.g with the vectors u, shape (points, m), and g a standard Gaussian vector."""
    if neuron.activation == GAUSS:
        return {n: gauss_moments(vectors, n) for n in orders}
    if neuron.activation == ERF:
        return {n: _erf_moments(neuron, vectors, n) for n in orders}
    if neuron.activation == RELU:
        return relu_moments(vectors, orders)
    return quadrature_moments(neuron, vectors, orders)


def _erf_moments(neuron: Neuron, vectors: FloatArray, n: int) -> OrderMoments:
    if n >= erf.MAX_ORDER and n % 2 == 0 and spanned(vectors).shape[1] < MAX_DIMENSION:
        try:
            lattice = quadrature_moments(neuron, vectors, (n,))[n]
        except LimitError:
            lattice = None
        if lattice is not None and (lattice.accuracy <= _LATTICE_IS_AS_GOOD or n > erf.MAX_ORDER):
            return lattice
    return erf.erf_moments(vectors, n)
