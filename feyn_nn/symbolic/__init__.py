"""Correlators and kernels as SymPy, LaTeX and text, and beta functions derived from them.

`text` and `latex` do not import SymPy; `expressions`, `kernels`, `growth` and `beta` do.
"""
