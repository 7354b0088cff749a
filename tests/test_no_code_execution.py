"""No text of a user's is ever executed: an audit hook watches what the interpreter compiles while everything is used.

A marker stands in every text that a user can give (a coupling's name, a number in a kernel). Whatever reaches eval, exec,
sympify or lambdify is compiled, and the hook sees its source. The hook cannot be taken away again, so it lives in a process
of its own.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

NAME: Final = "zqmarker"
NUMBER: Final = "1337424217"

HARNESS = f"""
import contextlib, io, sys
seen = []
def hook(event, arguments):
    if event == "compile":
        source = arguments[0]
    elif event == "exec":
        source = " ".join(map(str, (*arguments[0].co_names, *arguments[0].co_varnames, *arguments[0].co_consts)))
    else:
        return
    if isinstance(source, bytes):
        source = source.decode(errors="replace")
    if isinstance(source, str) and ({NAME!r} in source or {NUMBER!r} in source):
        seen.append(event)
sys.addaudithook(hook)
# the code below is handed over as bytes of an importable file, so that its own compilation is not what is found
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    run()
sys.exit(3 if seen else 0)
"""

COMMANDS = """
def run():
    from feyn_nn.cli import main
    action = "zqmar" + "ker f^4 + zqmar" + "ker_6 f^6"
    kernel = "exp(-rr/2) + 0.13374" + "24217*sqrt(1 + xx)*sqrt(1 + yy)"
    decay = "1/(1 + rr)^(1/16) + 0.13374" + "24217"
    for form in ("text", "latex", "sympy", "form", "mathematica", "json"):
        assert main(["correlator", "4", "--action", action, "--format", form]) == 0
    for extra in (["--species"], ["--couplings", "split"], ["--named-integrals"], ["--connected"]):
        assert main(["correlator", "4", "--action", action, "--order", "zqmar" + "ker=2", *extra]) == 0
    for text in (kernel, decay):
        assert main(["beta", "--kernel", text, "--action", action, "--system"]) == 0
        assert main(["eft", "--kernel", text]) == 0
    assert main(["eft", "--action", action]) == 0
    flow = "zqmar" + "ker=-1e-3,zqmar" + "ker_6=0.13374" + "24217e-6"
    inputs = "0.13374" + "24217,0.2,0.3,0.4,0.5,0.6"
    assert main(["beta", "relu", "--action", action, "--flow", flow, "--cutoffs", "10,12", "--inputs", inputs]) == 0
    assert main(["beta", "--kernel", "(1+xy)^2*0.13374" + "24217", "--closed-form"]) == 0
    mark = "zqmar" + "ker"
    for bad in (f"__import__('os').system('{mark}')", f"x.{mark}", f"exp({mark})", "9**9**9**0.13374" + "24217"):
        assert main(["beta", "--kernel", bad]) == 2
        assert main(["correlator", "4", "--action", bad]) == 2
        assert main(["correlator", "4", "--order", bad]) == 2
        assert main(["eft", "--symmetries", bad]) == 2
"""

LIBRARY = """
def run():
    import numpy as np
    from feyn_nn import Action, generate_correlator, parse_kernel, solve_coupling
    from feyn_nn.evaluation import evaluate
    from feyn_nn.symbolic.comparison import same
    from feyn_nn.symbolic.expressions import expression
    name = "zqmar" + "ker"
    action = Action.parse(name + " f^4")
    four = generate_correlator(4, action, action.orders(2))
    kernel = parse_kernel("exp(-rr/2) + 0.13374" + "24217")
    inputs = np.array([[0.1], [0.3], [0.6], [0.9]])
    tuples = [(0, 1, 2, 3), (0, 0, 1, 2)]
    value = expression(four, None)
    assert same(value, expression(four, 1))
    solved = solve_coupling(four, name)
    solved.latex()
    evaluate(value, inputs, tuples, kernel, kernel, 5.0, values={name: 0.01})
"""

EXECUTED = {
    "sympify": """
def run():
    import sympy
    sympy.sympify("zqmar" + "ker + 1")
""",
    "eval": """
def run():
    eval("'zqmar" + "ker'")
""",
    "lambdify": """
def run():
    import sympy
    symbol = sympy.Symbol("zqmar" + "ker")
    sympy.lambdify(symbol, symbol + 1)(2)
""",
}


def outcome(code: str) -> int:
    program = code.encode() + HARNESS.encode()
    done = subprocess.run([sys.executable, "-"], input=program, capture_output=True, timeout=300, check=False)
    assert done.returncode in {0, 3}, done.stderr.decode()[-2000:]
    return done.returncode


@pytest.mark.parametrize("code", [COMMANDS, LIBRARY], ids=["commands", "library"])
def test_no_text_of_a_user_is_compiled(code: str) -> None:
    assert outcome(code) == 0


@pytest.mark.parametrize("way", EXECUTED)
def test_the_hook_would_see_it(way: str) -> None:
    """Control: each way of executing text is noticed."""
    assert outcome(EXECUTED[way]) == 3
