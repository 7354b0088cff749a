"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from feyn_nn.action import TALK_ACTION, Action
from feyn_nn.arrays import FloatArray, as_points
from feyn_nn.errors import InputError
from feyn_nn.files import read_array
from feyn_nn.graphs import TALK_RULES, Rule
from feyn_nn.kernels import Kernel, Propagator, kernel_of, parse_kernel
from feyn_nn.network import PRESETS, Activation, Architecture, import_activation, preset

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable


def add_network(parser: argparse.ArgumentParser, *, optional: bool = False, nets: str = "gauss, erf or relu") -> None:
    """NET and the variances; `nets` says which there are."""
    parser.add_argument("net", metavar="NET", nargs="?" if optional else None, help=nets)
    add_variances(parser)


def add_variances(parser: argparse.ArgumentParser) -> None:
    """--d-in, --sigma-w, --sigma-b."""
    parser.add_argument("--d-in", type=int, default=1, metavar="D", help="number of input dimensions (default 1)")
    parser.add_argument("--sigma-w", type=float, metavar="S", help="standard deviation (default: the talk's)")
    parser.add_argument("--sigma-b", type=float, metavar="S", help="standard deviation (default: the talk's)")


def add_layers(parser: argparse.ArgumentParser) -> None:
    """--depth, --d-out."""
    parser.add_argument("--depth", type=int, default=1, metavar="L", help="number of hidden layers (default 1)")
    parser.add_argument("--d-out", type=int, default=1, metavar="D", help="number of outputs (default 1)")


def add_inputs(parser: argparse.ArgumentParser) -> None:
    """--inputs."""
    parser.add_argument(
        "--inputs",
        metavar="LIST|FILE",
        help="comma list (d_in = 1) or an .npy of shape (points, d_in) (default: the talk's six)",
    )


def add_kernel(parser: argparse.ArgumentParser) -> None:
    """--kernel instead of NET."""
    parser.add_argument(
        "--kernel",
        metavar="EXPR",
        help="your own kernel instead of NET, in xx, xy, yy, rr = |x-y|^2, d_in, sigma_w, sigma_b, pi (and x, y for "
        "d_in = 1), such as 'exp(-rr/2)'",
    )


def add_expansion(parser: argparse.ArgumentParser) -> None:
    """--action, --order, --keep: which correlator is generated."""
    parser.add_argument("--action", default=str(TALK_ACTION), help="interaction terms (default: %(default)s)")
    parser.add_argument(
        "--order",
        default="1",
        metavar="K|NAME=P,...",
        help="largest total number of vertices, or the largest number for each coupling (default 1)",
    )
    parser.add_argument(
        "--keep", default="", metavar="KINDS", help="what not to prune: vacuum, propagator, or both with a comma"
    )


def expansion(options: argparse.Namespace) -> tuple[Action, Iterable[tuple[int, ...]], frozenset[Rule]]:
    """The action, its orders and the talk's rules less those of --keep."""
    action = Action.parse(options.action)
    order = parse_order(options.order)
    orders = action.orders(order) if isinstance(order, int) else action.orders_within(order)
    names = {rule.value: rule for rule in TALK_RULES}
    try:
        kept = {names[name.strip()] for name in options.keep.split(",") if name.strip()}
    except KeyError:
        raise InputError(f"--keep {options.keep!r}: expected vacuum, propagator, or vacuum,propagator") from None
    return action, orders, TALK_RULES - kept


def add_propagator(parser: argparse.ArgumentParser) -> None:
    """--propagator."""
    parser.add_argument(
        "--propagator",
        choices=[kind.value for kind in Propagator],
        default="full",
        help="lines at vertices: K with the output bias, or K_W = K - sigma_b^2 (default full)",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """--json."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def architecture(options: argparse.Namespace) -> Architecture:
    """The architecture of NET with the options' variances."""
    return preset(options.net).architecture(options.d_in, options.sigma_w, options.sigma_b)


def simulated_architecture(options: argparse.Namespace) -> Architecture:
    """The architecture with the options of `add_layers`, of NET or of the user's own activation `module:function`.

    Its standard deviations are 1 where none are given.
    """
    if options.net in PRESETS:
        return replace(architecture(options), depth=options.depth, d_out=options.d_out)
    return Architecture(
        own_activation(options.net),
        options.d_in,
        1.0 if options.sigma_w is None else options.sigma_w,
        1.0 if options.sigma_b is None else options.sigma_b,
        options.depth,
        options.d_out,
    )


def own_activation(text: str) -> Activation:
    """Import the user's activation `module:function`; its module may lie in the working directory."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    return import_activation(text)


def chosen_kernel(options: argparse.Namespace) -> Kernel:
    """The kernel of NET, or the user's own; raise InputError unless exactly one is given."""
    if (options.net is None) == (options.kernel is None):
        raise InputError("name exactly one of NET (gauss, erf, relu) and --kernel EXPR")
    if options.kernel is None:
        return kernel_of(architecture(options))
    sigma_w = 1.0 if options.sigma_w is None else options.sigma_w
    sigma_b = 0.0 if options.sigma_b is None else options.sigma_b
    return parse_kernel(options.kernel, options.d_in, sigma_w, sigma_b)


def other_dimension(options: argparse.Namespace, propagator: Propagator) -> Kernel | None:
    """The propagator of NET with one input if it has more, else with two, so that a law is known to hold for any; None for a
    user's kernel.
    """
    if options.net is None:
        return None
    chosen = architecture(options)
    return propagator.of(kernel_of(replace(chosen, d_in=2 if chosen.d_in == 1 else 1)))


def inputs(options: argparse.Namespace) -> FloatArray:
    """The inputs, shape (points, d_in); the talk's six where none are given."""
    if options.inputs is None:
        if options.net not in PRESETS:
            raise InputError(f"{options.net}: the talk has no inputs for it; give --inputs")
        if options.d_in != 1:
            raise InputError(f"d_in = {options.d_in}: the talk's six inputs have d_in = 1; give --inputs FILE.npy")
        return preset(options.net).points()
    return parse_inputs(options.inputs, options.d_in)


def parse_inputs(text: str, d_in: int) -> FloatArray:
    """Read a comma list or an `.npy` file."""
    if text.endswith(".npy"):
        return as_points(read_array(Path(text)), d_in, text)
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"--inputs {text!r}: expected numbers separated by commas, or a file that ends in .npy"
        ) from None
    if d_in != 1:
        raise InputError(
            f"--inputs {text!r}: a comma list has d_in = 1, not {d_in}; give an .npy of shape (points, {d_in})"
        )
    return as_points(values, 1, "--inputs")


def parse_order(text: str) -> int | dict[str, int]:
    """`2`, or `lambda=2,kappa=1`."""
    if "=" not in text:
        try:
            return int(text)
        except ValueError:
            raise InputError(f"--order {text!r}: expected a number of vertices, or lambda=P,kappa=Q") from None
    maxima: dict[str, int] = {}
    for part in text.split(","):
        name, _, number = (piece.strip() for piece in part.partition("="))
        if name in maxima:
            raise InputError(f"--order {text!r}: {name!r} stands twice")
        try:
            maxima[name] = int(number)
        except ValueError:
            raise InputError(f"--order {text!r}: {part!r} is not NAME=NUMBER") from None
    return maxima


def out_directory(text: str) -> Path:
    """The directory of --out; raise InputError for an empty name."""
    if not text.strip():
        raise InputError("--out: expected the name of a directory, found an empty text")
    return Path(text)


def refuse_unused(options: argparse.Namespace, names: tuple[str, ...], why: str) -> None:
    """Raise InputError if an option was given that would not be used."""
    for name in names:
        if getattr(options, name) is not None:
            raise InputError(f"--{name.replace('_', '-')}: {why}; leave it out")
