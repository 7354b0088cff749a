"""PyTorch's side of `ensembles.py`; runs in an environment that has PyTorch.

The argument is a number of Python threads to share batches out to; 1 leaves parallel work to PyTorch. Every line on stdin is a
job (JSON), the answer is one line of JSON: the seconds, and the moments of the outputs if asked for. Networks are drawn in
batches, in two layouts of which either may be the faster one.
"""

from __future__ import annotations

import json
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch  # type: ignore[import-not-found, unused-ignore]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {"erf": torch.erf_, "gauss": torch.exp_, "relu": torch.relu_}


@dataclass(frozen=True)
class Batch:
    """A batch of networks f(x) = W1 phi(W0 x + b0) + b1 at scalar inputs, as `ensembles.py` describes it."""

    net: str
    inputs: list[float]
    shift: list[float]
    sigma_w: float
    sigma_b: float
    width: int
    networks: int
    dtype: Any

    def by_network(self, generator: Any) -> Any:
        """Outputs (networks, points); hidden layers (networks, points, width), two matrix products per network."""
        x = torch.tensor(self.inputs, dtype=self.dtype)[:, None]
        hidden = x @ (self.sigma_w * self._normals(generator, self.networks, 1, self.width))
        if self.sigma_b > 0:
            hidden += self.sigma_b * self._normals(generator, self.networks, 1, self.width)
        weights = self.sigma_w / math.sqrt(self.width) * self._normals(generator, self.networks, self.width, 1)
        return self._output((self._phi(hidden) @ weights)[:, :, 0], generator)

    def by_point(self, generator: Any) -> Any:
        """The same with hidden layers (points, networks, width): one matrix product, and sums over neurons."""
        x = torch.tensor(self.inputs, dtype=self.dtype)[:, None]
        columns = [self.sigma_w * x] + ([torch.full_like(x, self.sigma_b)] if self.sigma_b > 0 else [])
        hidden = torch.hstack(columns) @ self._normals(generator, len(columns), self.networks * self.width)
        hidden = self._phi(hidden).view(len(x), self.networks, self.width)
        weights = self._normals(generator, self.networks, self.width)
        return self._output(self.sigma_w / math.sqrt(self.width) * (hidden * weights).sum(-1).T, generator)

    def _normals(self, generator: Any, *shape: int) -> Any:
        return torch.randn(shape, generator=generator, dtype=self.dtype)

    def _phi(self, hidden: Any) -> Any:
        if any(self.shift):
            hidden -= torch.tensor(self.shift, dtype=self.dtype)[:, None]
        return ACTIVATIONS[self.net](hidden)

    def _output(self, outputs: Any, generator: Any) -> Any:
        return outputs + self.sigma_b * self._normals(generator, self.networks, 1) if self.sigma_b > 0 else outputs


def moments(outputs: Any) -> Any:
    """Sums over networks of f_i f_j for i <= j, and of f_i^4."""
    f = outputs.double()
    rows, columns = torch.triu_indices(f.shape[1], f.shape[1])
    return torch.cat([(f.T @ f)[rows, columns], (f**4).sum(0)])


@torch.inference_mode()  # type: ignore[untyped-decorator, unused-ignore]
def draw(batch: Batch, layout: str, batches: int, seed: int, *, add_up: bool) -> list[float]:
    """Draw so many batches; their moments, if they are to be added up."""
    generator = torch.Generator().manual_seed(seed)
    form = {"network": batch.by_network, "point": batch.by_point}[layout]
    total: Any = 0
    for _ in range(batches):
        outputs = form(generator)
        if add_up:
            total += moments(outputs)
    return (total / (batches * batch.networks)).tolist() if add_up else []


def answer(job: Mapping[str, Any], workers: int) -> dict[str, Any]:
    """Do one job, in this thread or shared out to so many."""
    batch = Batch(**{**job["batch"], "dtype": getattr(torch, job["batch"]["dtype"])})
    layout, add_up = job["layout"], job["moments"]
    if workers == 1:
        start = time.perf_counter()
        found = draw(batch, layout, job["batches"], job["seed"], add_up=add_up)
        return {"seconds": time.perf_counter() - start, "moments": found}
    share = -(-job["batches"] // workers)
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        start = time.perf_counter()
        list(pool.map(lambda worker: draw(batch, layout, share, job["seed"] + worker, add_up=False), range(workers)))
        seconds = time.perf_counter() - start
    return {"seconds": seconds * job["batches"] / (share * workers), "moments": []}


def main() -> None:
    """As many jobs as come: with PyTorch's own threads, or in so many Python threads with one of PyTorch's each."""
    workers = int(sys.argv[1])
    if workers > 1:
        torch.set_num_threads(1)
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)  # noqa: T201
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line), workers)), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
