"""Correlators written down: text, LaTeX, FORM, Mathematica, named integrals; formulas of SymPy in LaTeX.

`layout` prepares what is written and `folding` names integrals, for SymPy as well; nothing but `printing` imports SymPy.
"""
