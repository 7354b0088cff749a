"""SymPy expressions of the symbolic layer as numbers, for all tuples of inputs at once.

`reading` turns integrals of propagators into the numeric layer's components, `evaluator` walks an expression with NumPy.
Nothing is compiled: no lambdify, no evaluation of text.
"""

from feyn_nn.evaluation.evaluator import Evaluator, LegFunction, evaluate, evaluate_with_error

__all__ = ["Evaluator", "LegFunction", "evaluate", "evaluate_with_error"]
