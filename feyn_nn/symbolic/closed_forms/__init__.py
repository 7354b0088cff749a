"""Integrals over the cutoff's cube as formulas, each with its proof, and the beta functions that follow from them."""

from feyn_nn.symbolic.closed_forms.betas import ClosedBeta, closed_beta, coupled_closed_betas
from feyn_nn.symbolic.closed_forms.star import (
    ClosedForm,
    Verification,
    boundary_form,
    logarithmic_derivative,
    star_integral,
    verify,
)

__all__ = [
    "ClosedBeta",
    "ClosedForm",
    "Verification",
    "boundary_form",
    "closed_beta",
    "coupled_closed_betas",
    "logarithmic_derivative",
    "star_integral",
    "verify",
]
