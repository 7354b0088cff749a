"""The package as a whole: its public names, what importing it costs, what every module says of itself."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import feyn_nn

PACKAGE = Path(feyn_nn.__file__).parent
HEAVY = ("numpy", "scipy", "sympy", "networkx", "tqdm")


def loaded_after(code: str) -> set[str]:
    """Which of the heavy packages a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport sys\nsys.stderr.write(' '.join(sorted(set({HEAVY!r}) & set(sys.modules))))"
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return set(finished.stderr.split())


def test_every_public_name_loads_from_the_module_that_the_table_names() -> None:
    table = vars(feyn_nn)["_HOME"]
    assert len(set(feyn_nn.__all__)) == len(feyn_nn.__all__)
    assert set(feyn_nn.__all__) == set(table)
    for name in feyn_nn.__all__:
        value = getattr(feyn_nn, name)
        assert value is getattr(import_module(table[name]), name)
        assert value.__doc__
    assert set(feyn_nn.__all__) <= set(dir(feyn_nn))


def test_names_for_type_checkers_are_the_lazy_ones() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imported = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("feyn_nn")
        for alias in node.names
    }
    assert imported == vars(feyn_nn)["_HOME"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Feynman'"):
        _ = feyn_nn.Feynman


@pytest.mark.parametrize(
    "code",
    [
        "import feyn_nn; feyn_nn.__version__, dir(feyn_nn)",
        "import feyn_nn.cli",
        "from feyn_nn.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0",
    ],
    ids=["import", "import of the commands", "help"],
)
def test_importing_is_cheap(code: str) -> None:
    assert loaded_after(code) == set()


@pytest.mark.parametrize("form", ["text", "latex", "form", "mathematica", "json"])
def test_a_correlator_does_not_wait_for_sympy(form: str) -> None:
    code = f"from feyn_nn.cli import main\nassert main(['correlator', '4', '--format', '{form}']) == 0"
    assert "sympy" not in loaded_after(code)


def test_the_check_sees_an_import() -> None:
    """Mutation control: SymPy is loaded where an expression is asked for."""
    code = "from feyn_nn.cli import main\nassert main(['correlator', '2', '--format', 'sympy']) == 0"
    assert "sympy" in loaded_after(code)


def test_every_module_opens_with_what_it_is() -> None:
    modules = sorted(PACKAGE.rglob("*.py"))
    assert len(modules) > 40
    silent = [
        str(path.relative_to(PACKAGE)) for path in modules if not ast.get_docstring(ast.parse(path.read_text("utf-8")))
    ]
    assert not silent, f"{len(silent)} of {len(modules)} modules have no docstring"
    assert (PACKAGE / "py.typed").exists()


def test_the_version_is_that_of_the_project() -> None:
    project = PACKAGE.parent / "pyproject.toml"
    assert f'\nversion = "{feyn_nn.__version__}"\n' in project.read_text("utf-8")
