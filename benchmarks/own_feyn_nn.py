"""feyn-nn's side of `generation.py`: the same protocol as `rival_feyngraph.py`, and every cache emptied before a job."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from feyn_nn.action import Operator
from feyn_nn.graphs import connected
from feyn_nn.graphs.filters import ALL, CONNECTED, ONE_PI
from feyn_nn.graphs.generation import DiagramClass

if TYPE_CHECKING:
    from collections.abc import Mapping

FILTERS = {"all": ALL, "connected": CONNECTED, "one-pi": ONE_PI}


def forget() -> None:
    """Empty every cache of the package."""
    connected._ROWS.clear()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "feyn_nn":
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()


def answer(job: Mapping[str, Any]) -> dict[str, Any]:
    """Generate the diagrams of a job and look at every one: the time, and how often each |Aut| occurs."""
    forget()
    start = time.perf_counter()
    operators = tuple(Operator(valence, f"g{valence}") for valence, _ in job["order"])
    order = tuple(count for _, count in job["order"])
    factors = []
    for diagram in DiagramClass(job["legs"], operators, order, FILTERS[job["where"]]).diagrams():
        factors.append(diagram.automorphisms)
        if job["edges"]:
            diagram.edges  # noqa: B018
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "factors": dict(Counter(factors))}


def main() -> None:
    """One job, or as many as come."""
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(answer(json.loads(sys.argv[1]))) + "\n")
        return
    sys.stdout.write(json.dumps({"python": sys.version.split()[0]}) + "\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
