"""Whether two expressions are the same correlator: up to names of integration variables, and permutations of legs."""

from feyn_nn.symbolic.comparison.equality import UpTo, canonical_terms, difference, same

__all__ = ["UpTo", "canonical_terms", "difference", "same"]
