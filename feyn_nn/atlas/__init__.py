"""The atlas: every diagram of three theories at low order, as pictures, JSON and a page, checked in under `diagrams/`."""

from feyn_nn.atlas.chapters import Theory
from feyn_nn.atlas.contents import DIAGRAM_SCHEMA, INDEX_SCHEMA, LEG_NUMBERS, THEORIES, atlas_files
from feyn_nn.atlas.directory import build_atlas, differences
from feyn_nn.atlas.keys import HASH_DIGITS, topology_key

__all__ = [
    "DIAGRAM_SCHEMA",
    "HASH_DIGITS",
    "INDEX_SCHEMA",
    "LEG_NUMBERS",
    "THEORIES",
    "Theory",
    "atlas_files",
    "build_atlas",
    "differences",
    "topology_key",
]
