"""feyn-nn: Feynman diagrams for the correspondence between neural networks and field theory.

The names below are loaded when they are first used, so that importing the package is cheap and generating diagrams
does not wait for SymPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from feyn_nn.action import Action, Operator, allowed_action
    from feyn_nn.correlator import Correlator, generate_correlator
    from feyn_nn.ensembles import Ensemble, SimulationSettings
    from feyn_nn.estimate import Estimate
    from feyn_nn.evaluation import evaluate
    from feyn_nn.exact.correlators import exact_correlators
    from feyn_nn.graphs import Diagram, DiagramClass, Filter, Rule, Topology, diagrams, diagrams_of, topologies
    from feyn_nn.kernels import (
        ErfKernel,
        FreeFieldKernel,
        FunctionKernel,
        GaussKernel,
        Propagator,
        ReluKernel,
        kernel_of,
        parse_kernel,
    )
    from feyn_nn.measure import crosscheck, measure_correlators
    from feyn_nn.network import Architecture, preset
    from feyn_nn.numeric.flow import FlowEquations, coupling_flow
    from feyn_nn.render import diagram_svg
    from feyn_nn.symbolic.beta import beta_functions
    from feyn_nn.symbolic.couplings import remainder, solve_coupling
    from feyn_nn.symbolic.expressions import expression, fold
    from feyn_nn.symbolic.formats.latex import correlator_latex
    from feyn_nn.symbolic.formats.layout import CouplingForm, Labelling, Layout, Outputs
    from feyn_nn.symbolic.kernels import symbolic_kernel
    from feyn_nn.symbolic.running import running_system

__version__ = "0.1.0"

_HOME = {
    "Action": "feyn_nn.action",
    "Architecture": "feyn_nn.network",
    "Correlator": "feyn_nn.correlator",
    "CouplingForm": "feyn_nn.symbolic.formats.layout",
    "Diagram": "feyn_nn.graphs",
    "DiagramClass": "feyn_nn.graphs",
    "Ensemble": "feyn_nn.ensembles",
    "ErfKernel": "feyn_nn.kernels",
    "Estimate": "feyn_nn.estimate",
    "Filter": "feyn_nn.graphs",
    "FlowEquations": "feyn_nn.numeric.flow",
    "FreeFieldKernel": "feyn_nn.kernels",
    "FunctionKernel": "feyn_nn.kernels",
    "GaussKernel": "feyn_nn.kernels",
    "Labelling": "feyn_nn.symbolic.formats.layout",
    "Layout": "feyn_nn.symbolic.formats.layout",
    "Operator": "feyn_nn.action",
    "Outputs": "feyn_nn.symbolic.formats.layout",
    "Propagator": "feyn_nn.kernels",
    "ReluKernel": "feyn_nn.kernels",
    "Rule": "feyn_nn.graphs",
    "SimulationSettings": "feyn_nn.ensembles",
    "Topology": "feyn_nn.graphs",
    "allowed_action": "feyn_nn.action",
    "beta_functions": "feyn_nn.symbolic.beta",
    "correlator_latex": "feyn_nn.symbolic.formats.latex",
    "coupling_flow": "feyn_nn.numeric.flow",
    "crosscheck": "feyn_nn.measure",
    "diagram_svg": "feyn_nn.render",
    "diagrams": "feyn_nn.graphs",
    "diagrams_of": "feyn_nn.graphs",
    "evaluate": "feyn_nn.evaluation",
    "exact_correlators": "feyn_nn.exact.correlators",
    "expression": "feyn_nn.symbolic.expressions",
    "fold": "feyn_nn.symbolic.expressions",
    "generate_correlator": "feyn_nn.correlator",
    "kernel_of": "feyn_nn.kernels",
    "measure_correlators": "feyn_nn.measure",
    "parse_kernel": "feyn_nn.kernels",
    "preset": "feyn_nn.network",
    "remainder": "feyn_nn.symbolic.couplings",
    "running_system": "feyn_nn.symbolic.running",
    "solve_coupling": "feyn_nn.symbolic.couplings",
    "symbolic_kernel": "feyn_nn.symbolic.kernels",
    "topologies": "feyn_nn.graphs",
}

__all__ = [
    "Action",
    "Architecture",
    "Correlator",
    "CouplingForm",
    "Diagram",
    "DiagramClass",
    "Ensemble",
    "ErfKernel",
    "Estimate",
    "Filter",
    "FlowEquations",
    "FreeFieldKernel",
    "FunctionKernel",
    "GaussKernel",
    "Labelling",
    "Layout",
    "Operator",
    "Outputs",
    "Propagator",
    "ReluKernel",
    "Rule",
    "SimulationSettings",
    "Topology",
    "allowed_action",
    "beta_functions",
    "correlator_latex",
    "coupling_flow",
    "crosscheck",
    "diagram_svg",
    "diagrams",
    "diagrams_of",
    "evaluate",
    "exact_correlators",
    "expression",
    "fold",
    "generate_correlator",
    "kernel_of",
    "measure_correlators",
    "parse_kernel",
    "preset",
    "remainder",
    "running_system",
    "solve_coupling",
    "symbolic_kernel",
    "topologies",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'feyn_nn' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
