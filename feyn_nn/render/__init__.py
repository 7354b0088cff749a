"""Pictures of diagrams: a layout without overlaps, and SVG that is the same to the byte on every machine."""

from feyn_nn.render.layout import Drawing, Label, Mark, draw
from feyn_nn.render.strokes import Stroke
from feyn_nn.render.svg import diagram_svg

__all__ = ["Drawing", "Label", "Mark", "Stroke", "diagram_svg", "draw"]
