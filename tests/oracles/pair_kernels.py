"""Kernels of pairs of points, straight from the formulas of the talk's slide, for oracles: (p, d) and (p, d) to (p,).

With arcsin and arccos, clipped, as they are printed; the package has other forms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from feyn_nn.arrays import FloatArray


def _covariance(x: FloatArray, y: FloatArray, w: float, s: float) -> FloatArray:
    result: FloatArray = s + w * np.sum(x * y, axis=1) / x.shape[1]
    return result


def erf_pairs(w: float, s: float) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """K of Erf-net, with w and s variances."""

    def kernel(x: FloatArray, y: FloatArray) -> FloatArray:
        norms = np.sqrt((1 + 2 * _covariance(x, x, w, s)) * (1 + 2 * _covariance(y, y, w, s)))
        result: FloatArray = s + 2 * w / np.pi * np.arcsin(2 * _covariance(x, y, w, s) / norms)
        return result

    return kernel


def gauss_pairs(w: float, s: float) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """K of Gauss-net, with w and s variances."""

    def kernel(x: FloatArray, y: FloatArray) -> FloatArray:
        result: FloatArray = s + w * np.exp(-w * np.sum((x - y) ** 2, axis=1) / (2 * x.shape[1]))
        return result

    return kernel


def relu_pairs(w: float, s: float) -> Callable[[FloatArray, FloatArray], FloatArray]:
    """K of ReLU-net, with w and s variances."""

    def kernel(x: FloatArray, y: FloatArray) -> FloatArray:
        norms = np.sqrt(_covariance(x, x, w, s) * _covariance(y, y, w, s))
        cosine = np.clip(_covariance(x, y, w, s) / np.where(norms > 0, norms, 1.0), -1.0, 1.0)
        angle = np.arccos(cosine)
        result: FloatArray = s + w / (2 * np.pi) * norms * (np.sin(angle) + (np.pi - angle) * cosine)
        return result

    return kernel
