"""What the atlas contains: for each theory, number of legs and order the topologies with their exact factors.

One picture and one JSON document for each topology, shared by the theories that have it, an index, and a page. The
generator proves on every run that the multiplicities of one order add up to (n + sum_k k p_k - 1)!! / prod_k p_k!.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from feyn_nn.action import Action
from feyn_nn.atlas.chapters import Theory, chapters, document_path, picture_path, powers
from feyn_nn.atlas.page import page
from feyn_nn.errors import CompletenessError
from feyn_nn.files import json_text
from feyn_nn.graphs import power_counting, representative
from feyn_nn.graphs.interchange.naming import coupling_powers, diagram_names
from feyn_nn.graphs.interchange.node_link import diagram_to_json
from feyn_nn.render import diagram_svg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from feyn_nn.atlas.chapters import Chapter
    from feyn_nn.graphs import Diagram, Topology

THEORIES: Final = (
    Theory(Action.parse("lambda f^4"), 3),
    Theory(Action.parse("kappa f^6"), 2),
    Theory(Action.parse("lambda f^4 + kappa f^6"), 2),
)
LEG_NUMBERS: Final = (0, 2, 4, 6)
INDEX_SCHEMA: Final = "feyn-nn/atlas/1"
DIAGRAM_SCHEMA: Final = "feyn-nn/atlas-diagram/1"
INDEX, README = "index.json", "README.md"


def atlas_files(theories: Sequence[Theory] = THEORIES, leg_numbers: Sequence[int] = LEG_NUMBERS) -> dict[str, bytes]:
    """The whole atlas in memory: path relative to its directory (with slashes) -> content.

    Raises CompletenessError if two topologies share a key.
    """
    found = chapters(theories, leg_numbers)
    named: dict[str, Topology] = {}
    for entry in (entry for chapter in found for entry in chapter.entries):
        topology = named.setdefault(entry.key, entry.term.topology)
        if topology != entry.term.topology:
            raise CompletenessError(
                f"two topologies have the key {entry.key}: {topology} and {entry.term.topology}; lengthen HASH_DIGITS"
            )
    files = {README: page(found)}
    for key, topology in named.items():
        shown = representative(topology)
        files[picture_path(key)] = diagram_svg(shown, picture_title(topology))
        files[document_path(key)] = json_text(document(key, shown))
    files[INDEX] = json_text(index(found, sorted([*files, INDEX])))
    return {path: files[path].encode() for path in sorted(files)}


def index(found: Sequence[Chapter], files: Sequence[str]) -> dict[str, Any]:
    """The index as JSON types; factors are strings, `reason` is null for what is kept."""
    theories = []
    for theory in dict.fromkeys(chapter.theory for chapter in found):
        mine = [chapter for chapter in found if chapter.theory == theory]
        correlators = [
            {"n": n, "orders": [_chapter_index(chapter) for chapter in mine if chapter.n == n]}
            for n in dict.fromkeys(chapter.n for chapter in mine)
        ]
        theories.append({"action": str(theory.action), "maximum": theory.maximum, "correlators": correlators})
    return {"schema": INDEX_SCHEMA, "theories": theories, "files": list(files)}


def _chapter_index(chapter: Chapter) -> dict[str, Any]:
    return {
        "order": dict(zip(chapter.theory.action.couplings, chapter.check.order, strict=True)),
        "all": str(chapter.check.everything),
        "kept": str(chapter.check.kept),
        "diagrams": [
            {"key": entry.key, **_factors(entry.term.topology), "reason": entry.reason and entry.reason.value}
            for entry in chapter.entries
        ],
    }


def _factors(topology: Topology) -> dict[str, str]:
    return {
        "multiplicity": str(topology.multiplicity),
        "labellings": str(topology.labellings),
        "coefficient": str(topology.coefficient),
        "automorphisms": str(topology.internal_automorphisms),
    }


def document(key: str, shown: Diagram) -> dict[str, Any]:
    """The JSON document of the topology with this key, shown by the labelling with the smallest edge list.

    Legs are x1, x2, ...; the letters y, z, ... go by the couplings of the diagram itself, so that a document does not
    depend on the theory. `diagram` is the same diagram in the node-link layout; its vertices v1, v2, ... come in the
    order of `vertices`.
    """
    topology = shown.topology
    names = diagram_names(shown)
    return {
        "schema": DIAGRAM_SCHEMA,
        "key": key,
        "legs": topology.legs,
        "order": dict(coupling_powers(shown)),
        "loops": power_counting(topology).loops,
        "vertices": [
            {"name": name, "valence": vertex.valence, "coupling": vertex.coupling}
            for name, vertex in zip(names[shown.legs :], shown.vertices, strict=True)
        ],
        "edges": [[names[a], names[b]] for a, b in shown.edges],
        **_factors(topology),
        "diagram": diagram_to_json(shown),
    }


def picture_title(topology: Topology) -> str:
    """The title in a picture: number of legs, order and factors."""
    count = Counter(vertex.coupling for vertex in topology.vertices)
    return (
        f"n = {topology.legs}, order {powers(count, count.values())}: multiplicity {topology.multiplicity} = "
        f"{topology.labellings} x {topology.coefficient} (labellings x C)"
    )
