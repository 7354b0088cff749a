"""How a kernel grows, and what follows: laws of integrals at large and small cutoff, fixed points, power counting."""

from feyn_nn.symbolic.growth.asymptotics import IntegralLaw, integral_law
from feyn_nn.symbolic.growth.exponents import COSINE, RHO, Direction, Growth, Limit, growth
from feyn_nn.symbolic.growth.fixed_points import FixedPoints, fixed_points
from feyn_nn.symbolic.growth.relevance import Relevance, kernel_relevance, relevance, translation_invariant

__all__ = [
    "COSINE",
    "RHO",
    "Direction",
    "FixedPoints",
    "Growth",
    "IntegralLaw",
    "Limit",
    "Relevance",
    "fixed_points",
    "growth",
    "integral_law",
    "kernel_relevance",
    "relevance",
    "translation_invariant",
]
