"""feyngraph's side of `generation.py`; runs in feyngraph's own environment.

With a job (JSON) as argument it does that job once; without, it does every job that comes as a line on stdin. The
answer to a job is one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import feyngraph  # type: ignore[import-not-found]
from feyngraph import topology

if TYPE_CHECKING:
    from collections.abc import Mapping


def answer(job: Mapping[str, Any]) -> dict[str, Any]:
    """Generate the topologies of a job and look at every one: the time, and how often each |Aut| occurs."""
    start = time.perf_counter()
    order: list[tuple[int, int]] = [(valence, count) for valence, count in job["order"]]
    lines = (sum(valence * count for valence, count in order) - job["legs"]) // 2
    loops = lines - sum(count for _, count in order) + 1
    selector = topology.TopologySelector()
    if len(order) > 1:
        selector.select_node_partition(order)
    if job["where"] == "one-pi":
        selector.select_opi_components(1)
    model = topology.TopologyModel([valence for valence, _ in order])
    found = topology.TopologyGenerator(job["legs"], loops, model, selector).generate()
    factors = []
    for index in range(len(found)):
        diagram = found[index]
        factors.append(diagram.symmetry_factor())
        if job["edges"]:
            diagram.edges()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "factors": dict(Counter(factors))}


def main() -> None:
    """One job, or as many as come."""
    feyngraph.set_threads(1)
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
