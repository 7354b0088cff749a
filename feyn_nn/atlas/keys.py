"""Names of topologies: short, safe in file names, computed from the canonical form and never stored beside it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from feyn_nn.graphs import smallest_edges

if TYPE_CHECKING:
    from feyn_nn.graphs import Topology

HASH_DIGITS: Final = 12


def topology_key(topology: Topology) -> str:
    """The key of a topology, such as `n4-lambda2-` and 12 hexadecimal digits.

    It names the legs, the vertices of each coupling, and the first digits of SHA-256 over the canonical form: number of
    legs, operator of each vertex, and the smallest edge list over all leg labellings, as JSON without spaces. So
    isomorphic topologies have equal keys, and others different ones up to a collision of 48 bits, which the atlas
    refuses when it is built. What a key says follows from the diagram alone, whatever theory it came from.

    >>> from feyn_nn.action import Operator
    >>> from feyn_nn.graphs import Diagram
    >>> contact = Diagram(4, (Operator(4, "lambda"),), ((0, 4), (1, 4), (2, 4), (3, 4)))
    >>> topology_key(contact.topology)
    'n4-lambda1-ae6626247e7b'
    """
    edges, vertices = smallest_edges(topology, topology.operators)
    form = [topology.legs, [[vertex.valence, vertex.coupling] for vertex in vertices], edges]
    digest = hashlib.sha256(json.dumps(form, separators=(",", ":")).encode()).hexdigest()[:HASH_DIGITS]
    powers = Counter(vertex.coupling for vertex in vertices)
    return "-".join([f"n{topology.legs}", *(f"{name}{power}" for name, power in powers.items()), digest])
