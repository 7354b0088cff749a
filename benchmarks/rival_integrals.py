"""The rivals' side of `integrals.py`: SciPy's cubature, or vegas, on the same integrals, all tuples of inputs at once.

Reads a job, one line of JSON, from stdin and answers with one line of JSON: seconds, values, errors. The kernels are written
out here, so that this runs without feyn-nn in an environment that has vegas and SciPy.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable

    Array = npt.NDArray[np.float64]


def kernel(net: str, x: Array, y: Array, xy: Array) -> Array:
    """K for |x|^2, |y|^2 and x.y, which may be broadcast; the talk's variances."""
    if net == "gauss":
        return 1 + np.exp(-(x + y - 2 * xy) / 2)
    if net == "erf":
        return 1 + 2 / np.pi * np.arcsin(np.clip(2 * (1 + xy) / np.sqrt((3 + 2 * x) * (3 + 2 * y)), -1, 1))
    norms = np.sqrt(x * y)
    cosine = np.clip(xy / np.where(norms > 0, norms, 1.0), -1.0, 1.0)
    angle = np.arccos(cosine)
    result: Array = norms / (2 * np.pi) * (np.sin(angle) + (np.pi - angle) * cosine)
    return result


def integrand(job: dict[str, Any]) -> Callable[[Array], Array]:
    """From points (q, vertices * d) to values (q, integrals): legs at sorted tuples, two lines between two vertices."""
    net, inputs = job["net"], np.array(job["inputs"])
    d = inputs.shape[1]
    inputs = inputs / np.sqrt(d)
    squares = np.sum(inputs**2, axis=1)
    tables = [np.array(list(combinations_with_replacement(range(len(inputs)), size))) for size in job["legs"]]

    def legs(y: Array) -> Array:
        return kernel(net, squares, np.sum(y**2, axis=1)[:, None], y @ inputs.T)

    def products(columns: Array, table: npt.NDArray[np.intp]) -> Array:
        result: Array = columns[:, table[:, 0]].copy()
        for place in range(1, table.shape[1]):
            result *= columns[:, table[:, place]]
        return result

    def one_vertex(points: Array) -> Array:
        columns = legs(points / np.sqrt(d))
        return np.concatenate([products(columns, table) for table in tables], axis=1)

    def two_vertices(points: Array) -> Array:
        first, second = points[:, :d] / np.sqrt(d), points[:, d:] / np.sqrt(d)
        line = kernel(net, np.sum(first**2, axis=1), np.sum(second**2, axis=1), np.sum(first * second, axis=1))
        left, right = products(legs(first), tables[0]) * line[:, None] ** 2, products(legs(second), tables[1])
        result: Array = (left[:, :, None] * right[:, None, :]).reshape(len(points), -1)
        return result

    return two_vertices if job["vertices"] == 2 else one_vertex


def cubature(job: dict[str, Any]) -> dict[str, Any]:
    """SciPy's adaptive cubature to the relative accuracy of the job; `converged` says whether it got there."""
    from scipy import integrate  # noqa: PLC0415

    ends = np.full(job["vertices"] * len(job["inputs"][0]), job["cutoff"])
    start = time.perf_counter()
    result = integrate.cubature(
        integrand(job),
        -ends,
        ends,
        rule="gk21" if len(ends) < 3 else "genz-malik",
        rtol=job["accuracy"],
        atol=0.0,
        max_subdivisions=job["most"],
    )
    return {
        "seconds": time.perf_counter() - start,
        "values": result.estimate.tolist(),
        "errors": result.error.tolist(),
        "converged": result.status == "converged",
    }


def vegas(job: dict[str, Any]) -> dict[str, Any]:
    """Five iterations to adapt, then ten, with more and more evaluations until the time is over."""
    import vegas  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415

    dimension = job["vertices"] * len(job["inputs"][0])
    values = integrand(job)
    batch = vegas.lbatchintegrand(lambda points: values(np.ascontiguousarray(points)))
    evaluations = 1000
    start = time.perf_counter()
    while True:
        integrator = vegas.Integrator([[-job["cutoff"], job["cutoff"]]] * dimension)
        integrator.set(ran_array_generator=np.random.default_rng(1).random)
        integrator(batch, nitn=5, neval=evaluations)
        result = integrator(batch, nitn=10, neval=evaluations, adapt=False)
        used = time.perf_counter() - start
        if used > job["seconds"] / 3:
            break
        evaluations *= 4
    return {
        "seconds": used,
        "values": [float(each.mean) for each in result],
        "errors": [float(each.sdev) for each in result],
        "converged": True,
    }


def main() -> None:
    """Do the job."""
    job = json.loads(sys.stdin.readline())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = {"cubature": cubature, "vegas": vegas}[job["method"]](job)
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
