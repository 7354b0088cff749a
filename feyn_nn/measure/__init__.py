"""Where theory and ensembles meet: measured correlators, couplings, predictions, warnings, the cross-check."""

from feyn_nn.measure.comparison import CrossCheck, crosscheck
from feyn_nn.measure.correlators import MeasuredCorrelators, measure_correlators
from feyn_nn.measure.diagnosis import Code, ResultWarning
from feyn_nn.measure.estimators import ORDERS, Estimator, Reference, available_estimators, best_estimator

__all__ = [
    "ORDERS",
    "Code",
    "CrossCheck",
    "Estimator",
    "MeasuredCorrelators",
    "Reference",
    "ResultWarning",
    "available_estimators",
    "best_estimator",
    "crosscheck",
    "measure_correlators",
]
