"""README.md: what it shows is what happens."""

from __future__ import annotations

import ast
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from feyn_nn.cli import COMMANDS, main

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    """Every command line of the console blocks, without its prompt and its remark."""
    lines = [line for block in blocks("console") for line in block.splitlines() if line.startswith("$ feyn-nn ")]
    return [shlex.split(line.removeprefix("$ feyn-nn "), comments=True) for line in lines]


@pytest.mark.parametrize("source", blocks("python"))
def test_python_blocks_run_and_give_what_their_remarks_say(source: str) -> None:
    namespace: dict[str, Any] = {}
    tree = ast.parse(source)
    remarks = dict(re.findall(r"^(\[.*)\n# (\[.*)$", source, flags=re.MULTILINE))
    assert remarks
    checked = 0
    for node in tree.body:
        code = ast.unparse(node)
        if isinstance(node, ast.Expr):
            value = eval(compile(ast.Expression(node.value), "README.md", "eval"), namespace)
            for line, remark in remarks.items():
                if ast.dump(ast.parse(line)) == ast.dump(ast.parse(code)):
                    assert value == ast.literal_eval(remark)
                    checked += 1
        else:
            exec(compile(ast.Module([node], []), "README.md", "exec"), namespace)
    assert checked == len(remarks)


@pytest.mark.parametrize("command", ["correlator 4", "count --legs 4 --vertices 4=7 --filter one-pi"])
def test_the_output_shown_is_that_of_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [block for block in blocks("console") if block.startswith(f"$ feyn-nn {command}\n")]
    shown = block.split("\n", 1)[1].split("\n$ ")[0].rstrip("\n")
    assert main(command.split()) == 0
    assert shown == capsys.readouterr().out.rstrip("\n"), (
        f"README.md shows another output than `feyn-nn {command}`: paste the new one, if the change is meant"
    )


def test_commands_that_need_no_file_run(capsys: pytest.CaptureFixture[str]) -> None:
    shown = commands()
    assert {arguments[0] for arguments in shown} == set(COMMANDS)
    for arguments in shown:
        if arguments[0] == "beta":
            assert main(arguments) == 0
            text = capsys.readouterr().out
            assert main([*arguments, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["lambda"]["law"] in text


def test_shown_laws_are_those_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    shown = re.findall(r"^\$ feyn-nn (beta .*)\n +(beta.*)$", README, flags=re.MULTILINE)
    assert shown
    for line, law in shown:
        assert main(shlex.split(line, comments=True)) == 0
        assert f"  {law}\n" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_option_shown_exists(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([arguments[0], "--help"])
    assert end.value.code == 0
    described = capsys.readouterr().out
    for option in (argument for argument in arguments if argument.startswith("--")):
        assert re.search(rf"{re.escape(option)}\b", described), f"{option} is not an option of {arguments[0]}"


def test_files_it_links_to_exist() -> None:
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README) if "://" not in link]
    assert links
    assert not [link for link in links if not (Path(__file__).parent.parent / link).exists()]
