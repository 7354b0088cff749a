"""Diagrams for other programs: JSON in the node-link layout and feyngen's text (both ways); DOT, FORM, Mathematica."""

from feyn_nn.graphs.interchange.dot import to_dot
from feyn_nn.graphs.interchange.feyngen import from_feyngen, to_feyngen
from feyn_nn.graphs.interchange.form import to_form
from feyn_nn.graphs.interchange.mathematica import to_mathematica
from feyn_nn.graphs.interchange.node_link import (
    diagram_from_json,
    diagram_to_json,
    diagrams_from_json,
    diagrams_to_json,
    read_diagrams,
    write_diagrams,
)

__all__ = [
    "diagram_from_json",
    "diagram_to_json",
    "diagrams_from_json",
    "diagrams_to_json",
    "from_feyngen",
    "read_diagrams",
    "to_dot",
    "to_feyngen",
    "to_form",
    "to_mathematica",
    "write_diagrams",
]
