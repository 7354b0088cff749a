"""The commands: names, options and JSON keys are fixed, since other programs call them.

Data goes to stdout, progress and notes to stderr. Exit codes: 0 ok (warnings included), 1 a check that was asked for
failed, 2 usage or bad input, 3 a limit refused, 130 interrupted. Only the module of the command that runs is loaded,
so that `--help` does not wait for NumPy or SymPy.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, NoReturn

from feyn_nn.errors import FeynError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = {
    "correlator": "G^(n) from an action: diagrams, exact factors, what was dropped and why",
    "count": "how many diagrams a class has, and the exact sum of their weights",
    "eft": "the operators that the symmetries allow up to a dimension, and which couplings are more irrelevant",
    "beta": "beta functions of the couplings from the generated correlators and a kernel",
    "integrate": "the diagrams of G^(n) as numbers: their integrals over the cutoff's cube, with errors",
    "exact": "exact correlators of a network with one hidden layer, as polynomials in 1/N",
    "simulate": "simulate an ensemble of networks into a directory",
    "merge": "join ensembles: parts of one plan, and experiments of different seeds",
    "measure": "correlators, m_n and background of an ensemble, simulated or imported",
    "crosscheck": "measure lambda, predict G^(6), compare, and warn",
    "reproduce": "the figures of the talk made anew: measured, exact and predicted numbers side by side",
    "atlas": "write the atlas of diagrams as pictures and JSON, or check that it is current",
}
INTERRUPTED: Final = 130
_SIGNED_LISTS: Final = ("--inputs",)


class _Parser(argparse.ArgumentParser):
    """Reports a usage error in one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message} (see {self.prog} --help)\n")


def build_parser(command: str | None) -> argparse.ArgumentParser:
    """The parser; only `command` gets its options, so only its module is loaded."""
    parser = _Parser(
        prog="feyn-nn",
        description="Feynman diagrams for neural-network field theory.",
        epilog="feyn-nn COMMAND --help shows a command's options.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary}.", allow_abbrev=False)
        if name == command:
            module = import_module(f"feyn_nn.cli.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = _join_signed_lists(list(sys.argv[1:] if argv is None else argv))
    command = next((argument for argument in arguments if not argument.startswith("-")), None)
    try:
        options = build_parser(command).parse_args(arguments)
        result = options.run(options)
        sys.stdout.flush()
    except FeynError as problem:
        sys.stderr.write(f"feyn-nn: error: {problem}\n")
        return problem.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("feyn-nn: interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has gone, as in `feyn-nn ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(result)


def _join_signed_lists(arguments: list[str]) -> list[str]:
    """Write `--inputs -1,0` as `--inputs=-1,0`, which argparse would take for an option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in _SIGNED_LISTS and argument[:1] == "-" and argument[1:2] in "0123456789.":
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined
