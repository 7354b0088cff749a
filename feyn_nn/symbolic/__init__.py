"""Correlators and kernels as SymPy expressions, and what is derived from them.

`expressions` (over `integrals`) and `comparison` hold correlators, `formats` writes them; `couplings` and `running` solve
for couplings and their beta functions; `kernels` are the propagators, `growth` says how they grow, `closed_forms` integrates
them, and `beta` puts all of it together for one kernel. `free_field` is the anharmonic oscillator. `formats` needs no SymPy.
"""
