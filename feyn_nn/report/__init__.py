"""Reports: one self-contained HTML page with formulas, diagrams, plots, numbers with errors, and verdicts in words."""

from feyn_nn.report.page import (
    Block,
    Caution,
    Facts,
    Formula,
    Gallery,
    Numbers,
    Paragraph,
    Picture,
    Section,
    page,
)

__all__ = ["Block", "Caution", "Facts", "Formula", "Gallery", "Numbers", "Paragraph", "Picture", "Section", "page"]
