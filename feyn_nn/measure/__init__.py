"""Where theory and ensembles meet: measured correlators, couplings, predictions, warnings, the cross-check."""

from feyn_nn.measure.comparison import CrossCheck, crosscheck
from feyn_nn.measure.correlators import MeasuredCorrelators, available_estimators, measure_correlators
from feyn_nn.measure.diagnosis import Code, ResultWarning
from feyn_nn.measure.estimators import Estimator

__all__ = [
    "Code",
    "CrossCheck",
    "Estimator",
    "MeasuredCorrelators",
    "ResultWarning",
    "available_estimators",
    "crosscheck",
    "measure_correlators",
]
