"""Pictures: every line as often as the diagram has it, nothing that touches, the same bytes everywhere.

The laws are read off the SVG itself, with this file's own evaluation of its curves, over all diagrams of several theories
and over random ones.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from math import dist

import networkx as nx
import pytest

from feyn_nn.action import Action, Operator
from feyn_nn.graphs import Diagram, representative
from feyn_nn.render import Stroke, diagram_svg, draw
from feyn_nn.render.clearance import conflicts
from feyn_nn.render.placement import Frame, placements
from tests.oracles.contraction import topologies

SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]
Curve = tuple[Point, ...]

CLASSES = [
    ("g f^3", (0, 1, 2, 3, 4), ((1,), (2,), (3,), (4,))),
    ("lambda f^4", (0, 2, 4), ((0,), (1,), (2,), (3,))),
    ("lambda f^4", (6, 8), ((1,), (2,))),
    ("kappa f^6", (0, 2, 4, 6), ((1,), (2,))),
    ("lambda f^4 + kappa f^6", (2, 4), ((1, 1), (2, 1))),
    ("g f^3 + lambda f^4", (1, 3), ((2, 1), (1, 2))),
    ("rho f^8", (0, 4, 8), ((1,), (2,))),
    ("omega f^12", (0, 4, 12), ((1,),)),
]


def generated() -> Iterator[Diagram]:
    for text, legs, orders in CLASSES:
        operators = Action.parse(text).operators
        for n in legs:
            for order in orders:
                for topology, _ in topologies(n, operators, order):
                    yield representative(topology)


def random_diagram(rng: random.Random, valences: tuple[int, ...], vertices: int, legs: int) -> Diagram:
    """A random contraction, legs anywhere."""
    operators = sorted(Operator(rng.choice(valences), "g") for _ in range(vertices))
    legs += (legs + sum(operator.valence for operator in operators)) % 2
    ends = [*range(legs), *(legs + v for v, op in enumerate(operators) for _ in range(op.valence))]
    rng.shuffle(ends)
    return Diagram(legs, tuple(operators), tuple(zip(ends[::2], ends[1::2], strict=True)))


def random_diagrams() -> Iterator[Diagram]:
    rng = random.Random(20)
    for _ in range(60):
        yield random_diagram(rng, rng.choice([(3,), (4,), (3, 4), (3, 6)]), rng.randint(1, 8), rng.randint(0, 6))


class Picture:
    """What a reader of the SVG sees."""

    def __init__(self, text: str) -> None:
        self.root = ET.fromstring(text)
        paths = [element for element in self.root.iter(f"{SVG}path") if "data-line" in element.attrib]
        self.lines: list[tuple[tuple[str, str], Curve]] = []
        for element in paths:
            a, b = element.attrib["data-line"].split()
            self.lines.append(((a, b), curve_points(element.attrib["d"])))
        self.vertices = {
            element.attrib["data-vertex"]: mark_centre(element)
            for element in self.root.iter(f"{SVG}g")
            if "data-vertex" in element.attrib
        }
        texts = [element for element in self.root.iter(f"{SVG}text") if "data-leg" in element.attrib]
        self.labels = {
            element.attrib["data-leg"]: (float(element.attrib["x"]), float(element.attrib["y"]) - 4)
            for element in texts
        }
        self.written = {element.attrib["data-leg"]: "".join(element.itertext()) for element in texts}
        self.leg_ends = {a: points[0] for (a, _), points in self.lines if a.startswith("x")}
        self.leg_ends |= {b: points[-1] for (_, b), points in self.lines if b.startswith("x")}


def curve_points(path: str) -> Curve:
    """Points along `M x y L x y` or `M x y C ...`."""
    numbers = [float(number) for number in re.findall(r"-?\d+", path)]
    assert re.fullmatch(r"M-?\d+ -?\d+(L-?\d+ -?\d+|C-?\d+( -?\d+)+)", path), path
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    steps = [k / 40 for k in range(41)]
    if "L" in path:
        (ax, ay), (bx, by) = points
        return tuple((ax + t * (bx - ax), ay + t * (by - ay)) for t in steps)
    assert len(points) % 3 == 1
    result = []
    for start in range(0, len(points) - 1, 3):
        four = points[start : start + 4]
        for t in steps:
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
            result.append(
                (
                    sum(w * p[0] for w, p in zip(weights, four, strict=True)),
                    sum(w * p[1] for w, p in zip(weights, four, strict=True)),
                )
            )
    return tuple(result)


def mark_centre(group: ET.Element) -> Point:
    circle = group.find(f"{SVG}circle")
    if circle is not None:
        return float(circle.attrib["cx"]), float(circle.attrib["cy"])
    polygon = group.find(f"{SVG}polygon")
    assert polygon is not None
    corners = [tuple(map(float, corner.split(","))) for corner in polygon.attrib["points"].split()]
    return sum(c[0] for c in corners) / len(corners), sum(c[1] for c in corners) / len(corners)


def line_names(diagram: Diagram) -> Counter[tuple[str, str]]:
    label = {node: str(data["label"]) for node, data in diagram.graph.nodes(data=True)}
    return Counter((min(label[a], label[b]), max(label[a], label[b])) for a, b in diagram.edges)


def check_content(diagram: Diagram, picture: Picture) -> None:
    """The diagram's lines, vertices and legs, each as often as it has them."""
    assert Counter((min(ends), max(ends)) for ends, _ in picture.lines) == line_names(diagram)
    assert len({points for _, points in picture.lines}) == len(picture.lines), "two lines on top of each other"
    assert sorted(picture.vertices) == sorted(f"v{k + 1}" for k in range(len(diagram.vertices)))
    assert picture.written == {name: name for name in (f"x{k + 1}" for k in range(diagram.legs))}
    width, height = (float(part) for part in picture.root.attrib["viewBox"].split()[2:])
    shift = 0.0
    group = picture.root.find(f"{SVG}g")
    assert group is not None
    if "transform" in group.attrib:
        shift = float(re.findall(r"-?\d+", group.attrib["transform"])[0])
    inside = [point for _, points in picture.lines for point in points]
    inside += [(x + dx, y + dy) for x, y in picture.vertices.values() for dx, dy in ((-8, -8), (8, 8))]
    inside += [(x + dx, y + dy) for x, y in picture.labels.values() for dx, dy in ((-10, -9), (10, 9))]
    assert all(0 <= x + shift <= width and 0 <= y <= height for x, y in inside)
    for (a, b), points in picture.lines:
        for name, end in ((a, points[0]), (b, points[-1])):
            target = picture.vertices.get(name, picture.leg_ends.get(name))
            assert target is not None
            assert dist(end, target) < 1.5, f"line {a}-{b} does not end at {name}"


def touching(picture: Picture) -> list[str]:
    """Whatever comes too close to something else."""
    found = []
    nodes = {**picture.vertices, **picture.leg_ends}
    for (one, p), (other, q) in combinations(nodes.items(), 2):
        if dist(p, q) < 20:
            found.append(f"{one} and {other} are {dist(p, q):.0f} apart")
    for (a, b), points in picture.lines:
        for name, place in nodes.items():
            if name not in (a, b) and min(dist(point, place) for point in points) < 7:
                found.append(f"line {a}-{b} passes {name}")
        for name, (x, y) in picture.labels.items():
            if any(abs(px - x) < 10 and abs(py - y) < 8 for px, py in points):
                found.append(f"line {a}-{b} crosses the label {name}")
        if a == b and max(dist(points[0], point) for point in points) < 30:
            found.append(f"the self-loop at {a} is too small to see")
    for name, (x, y) in picture.labels.items():
        found += [
            f"{name} covers {v}" for v, (vx, vy) in picture.vertices.items() if abs(vx - x) < 18 and abs(vy - y) < 16
        ]
    for (one, p), (other, q) in combinations(picture.labels.items(), 2):
        if abs(p[0] - q[0]) < 20 and abs(p[1] - q[1]) < 16:
            found.append(f"labels {one} and {other} overlap")
    for (ends, points), (others, more) in combinations(picture.lines, 2):
        shared = [picture.vertices[name] for name in {*ends} & {*others}]
        if not shared:
            continue  # they may cross
        far = [point for point in points if all(dist(point, place) > 25 for place in shared)]
        if far and min(dist(point, another) for point in far for another in more) < 3:
            found.append(f"lines {ends} and {others} touch")
    return found


@pytest.mark.parametrize("case", range(len(CLASSES)), ids=[f"{text}-{legs[-1]}" for text, legs, _ in CLASSES])
def test_every_generated_diagram_is_drawn_whole_and_clean(case: int) -> None:
    text, legs, orders = CLASSES[case]
    operators = Action.parse(text).operators
    number = 0
    for n in legs:
        for order in orders:
            for topology, _ in topologies(n, operators, order):
                diagram = representative(topology)
                picture = Picture(diagram_svg(diagram))
                check_content(diagram, picture)
                assert not touching(picture), f"{diagram}: {touching(picture)}"
                number += 1
    assert number > 3


def test_random_diagrams_are_drawn_whole_and_clean() -> None:
    for diagram in random_diagrams():
        picture = Picture(diagram_svg(diagram))
        check_content(diagram, picture)
        assert not touching(picture), f"{diagram}: {touching(picture)}"


def test_crowded_diagrams_are_drawn_whole() -> None:
    """Up to eight vertices of valence 12, and more vertices than the figures are made for."""
    rng = random.Random(3)
    cases = [((12,), 5, 8), ((12,), 8, 2), ((3,), 12, 2), ((4,), 10, 0), ((3, 5, 7, 8), 6, 3)]
    for valences, vertices, legs in cases:
        diagram = random_diagram(rng, valences, vertices, legs)
        check_content(diagram, Picture(diagram_svg(diagram)))


def test_the_checks_see_a_bad_picture() -> None:
    """Mutation controls: a line lost, doubled, moved onto a vertex, a label on a line."""
    diagram = next(d for d in generated() if d.legs == 2 and len(d.vertices) == 3 and len(d.edges) == 7)
    text = diagram_svg(diagram)
    lines = [line for line in text.splitlines() if "data-line" in line]
    with pytest.raises(AssertionError):
        check_content(diagram, Picture(text.replace(lines[0] + "\n", "")))
    inner = next(line for line in lines if "x" not in line.split('"')[1])
    with pytest.raises(AssertionError):
        check_content(diagram, Picture(text.replace(inner, f"{inner}\n{inner}")))
    picture = Picture(text)
    assert not touching(picture)
    picture.labels["x1"] = picture.lines[0][1][20]
    assert any("label x1" in problem for problem in touching(picture))
    picture = Picture(text)
    ends, points = picture.lines[0]
    foreign = next(name for name in picture.vertices if name not in ends)
    picture.lines[0] = ends, (points[0], picture.vertices[foreign], points[-1])
    assert any(f"passes {foreign}" in problem for problem in touching(picture))


def test_crossings_only_where_the_graph_needs_them() -> None:
    """K4, the prism, the octahedron and the cube are planar, and drawn so; K5 has one crossing, the least possible."""
    wanted = [
        (nx.complete_graph(4), 0),
        (nx.complete_graph(5), 1),
        (nx.circular_ladder_graph(3), 0),
        (nx.octahedral_graph(), 0),
        (nx.circular_ladder_graph(4), 0),
    ]
    for graph, least in wanted:
        places = placements(Frame(tuple((min(e), max(e), 1) for e in graph.edges), ((),) * len(graph)))[0]
        chords = [(places[i], places[j]) for i, j in graph.edges]
        assert sum(cross(one, other) for one, other in combinations(chords, 2)) == least, graph


def cross(one: tuple[Point, Point], other: tuple[Point, Point]) -> bool:
    (a, b), (c, d) = one, other
    if {a, b} & {c, d}:
        return False

    def side(p: Point, q: Point, r: Point) -> bool:
        return (q[0] - p[0]) * (r[1] - p[1]) > (q[1] - p[1]) * (r[0] - p[0])

    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


def test_clearance_counts_what_touches() -> None:
    straight = Stroke("v1", "v2", ((0, 0), (100, 0)))
    vertices = [("v1", (0, 0)), ("v2", (100, 0))]
    assert conflicts([straight], vertices, []) == 0
    assert conflicts([straight], [*vertices, ("v3", (50, 5))], []) == 1
    assert conflicts([straight], vertices, [("x1", (50, 3))]) == 1
    assert conflicts([straight, straight], vertices, []) == 1


def test_operators_are_told_apart_without_colour() -> None:
    """Valence by shape, couplings of one shape by filling, and a row that names them."""
    operators = (Operator(3, "g"), Operator(4, "alpha"), Operator(4, "lambda"), Operator(6, "kappa"), Operator(9, "h"))
    legs = sum(operator.valence for operator in operators)
    ends = [v for v, operator in enumerate(operators) for _ in range(operator.valence)]
    diagram = Diagram(legs, operators, tuple((leg, legs + v) for leg, v in enumerate(ends)))
    root = ET.fromstring(diagram_svg(diagram))
    looks = set()
    for group in root.iter(f"{SVG}g"):
        if "data-vertex" in group.attrib:
            shape = group[1]
            looks.add((shape.tag, len(shape.attrib.get("points", "").split()), shape.attrib.get("fill")))
    assert len(looks) == len(operators)
    legend = next(group for group in root.iter(f"{SVG}g") if group.attrib.get("class") == "legend")
    assert [text.text for text in legend.iter(f"{SVG}text")] == ["g", "α", "λ", "κ", "h"]
    colours = set(re.findall(r'(?:fill|stroke)="(#[^"]*)"', diagram_svg(diagram)))
    assert len(colours) == 2, "ink and paper, nothing else"


def test_titles_are_escaped_and_the_picture_describes_itself() -> None:
    diagram = Diagram(2, (Operator(4, "lambda"),), ((0, 2), (1, 2), (2, 2)))
    nasty = '</title><script>alert(1)</script> & "quotes" ]]> \x00\x1b'
    root = ET.fromstring(diagram_svg(diagram, nasty))
    assert root.attrib["role"] == "img"
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "rect", "g", "path", "circle", "polygon", "text", "tspan")
    }
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == nasty.replace("\x00", "").replace("\x1b", "")
    assert root[1].text == "Vertices: v1 lambda f^4. Lines: v1-v1, x1-v1, x2-v1."
    assert "1 x lambda f^4" in str(ET.fromstring(diagram_svg(diagram))[0].text)


def test_nothing_at_all_is_the_number_one() -> None:
    root = ET.fromstring(diagram_svg(Diagram(0, (), ())))
    assert [text.text for text in root.iter(f"{SVG}text")] == ["1"]


def test_equal_diagrams_have_equal_pictures() -> None:
    """Whatever order the lines and vertices were given in."""
    rng = random.Random(5)
    for diagram in list(random_diagrams())[:20]:
        edges = list(diagram.edges)
        rng.shuffle(edges)
        flipped = tuple((b, a) if rng.random() < 0.5 else (a, b) for a, b in edges)
        again = Diagram(diagram.legs, diagram.vertices, flipped)
        assert again == diagram
        assert diagram_svg(again) == diagram_svg(diagram)


SCRIPT = """
import hashlib, json, sys
from feyn_nn.graphs.interchange.node_link import diagram_from_json
from feyn_nn.render import diagram_svg
digest = hashlib.sha256()
for document in json.load(sys.stdin):
    digest.update(diagram_svg(diagram_from_json(document)).encode())
print(digest.hexdigest())
"""


def test_the_bytes_do_not_depend_on_the_process() -> None:
    from feyn_nn.graphs.interchange.node_link import diagram_to_json

    diagrams = list(random_diagrams())[:15]
    documents = json.dumps([diagram_to_json(diagram) for diagram in diagrams])
    here = hashlib.sha256("".join(diagram_svg(diagram) for diagram in diagrams).encode()).hexdigest()
    for seed in ("0", "1", "4711"):
        finished = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=documents,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert finished.stdout.strip() == here, f"PYTHONHASHSEED={seed}"


def test_coordinates_are_integers_well_apart_from_rounding() -> None:
    """A drawing is made of integers, so no last bit of a cosine shows."""
    for diagram in list(random_diagrams())[:10]:
        drawing = draw(diagram)
        values = [value for stroke in drawing.strokes for point in stroke.points for value in point]
        values += [value for mark in drawing.marks for value in mark.at]
        assert all(type(value) is int for value in values)
