"""The safe grammar for text that a user types: actions and kernel expressions.

No text is ever handed to `eval`, `sympify` or `lambdify`: it becomes a tree of the few node types below, and
whoever needs numbers (`kernels`) or SymPy (`symbolic`) walks that tree.

    action      = term { "+" term }            term   = NAME ["*"] "f" ("^" | "**") INTEGER
    expression  = sum                          sum    = product { ("+" | "-") product }
    product     = signed { ("*" | "/") signed }
    signed      = { "+" | "-" } power          power  = atom [ ("^" | "**") signed ]
    atom        = NUMBER | NAME | FUNCTION "(" sum { "," sum } ")" | "(" sum ")"
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias, TypeVar

from feyn_nn.errors import InputError

NAME_PATTERN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
MAX_LENGTH: Final = 2000
MAX_DEPTH: Final = 40
MAX_TOKENS: Final = 400
MAX_DIGITS: Final = 40
MAX_EXPONENT: Final = 100
MAX_CONSTANT_BITS: Final = 2000

T = TypeVar("T")

_ARITHMETIC: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)|(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<sign>\*\*|[-+*/^(),]))",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Number:
    """An exact rational constant."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Name:
    """A variable or parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """A binary operation; `sign` is one of + - * / ^."""

    sign: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to arguments."""

    function: str
    arguments: tuple[Expression, ...]


Expression: TypeAlias = Number | Name | Operation | Call


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int  # 1-based column


def _fail(text: str, position: int, message: str) -> InputError:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return InputError(f"{message} at position {position} of {shown!r}")


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise InputError(f"expression of {len(text)} characters: at most {MAX_LENGTH} are accepted")
    tokens = []
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None:
            start = position + len(stripped[position:]) - len(stripped[position:].lstrip())
            raise _fail(text, start + 1, f"unexpected character {stripped[start]!r}")
        kind = match.lastgroup or ""
        token = _Token(kind, match[kind], match.start(kind) + 1)
        if kind == "name" and not NAME_PATTERN.fullmatch(token.text):
            raise _fail(text, token.position, "name of more than 32 characters")
        if kind == "number" and len(token.text) > MAX_DIGITS:
            raise _fail(text, token.position, f"number of more than {MAX_DIGITS} characters")
        tokens.append(token)
        position = match.end()
        if len(tokens) > MAX_TOKENS:
            raise _fail(text, token.position, f"expression of more than {MAX_TOKENS} symbols")
    tokens.append(_Token("end", "end of text", len(stripped) + 1))
    return tokens


class _Reader:
    """A cursor over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.index = 0

    @property
    def here(self) -> _Token:
        return self.tokens[self.index]

    def take(self) -> _Token:
        token = self.here
        self.index += 1
        return token

    def accept(self, *signs: str) -> bool:
        if self.here.kind == "sign" and self.here.text in signs:
            self.index += 1
            return True
        return False

    def fail(self, message: str, token: _Token | None = None) -> InputError:
        return _fail(self.text, (token or self.here).position, message)

    def found(self) -> str:
        return self.here.text if self.here.kind == "end" else repr(self.here.text)


def parse_monomials(text: str) -> list[tuple[str, int, int]]:
    """Read an action such as `lambda f^4 + kappa f^6`.

    Returns (coupling, valence, position of the term) in the order written. The grammar alone is checked here;
    which couplings and valences make sense is for `action` to say.

    >>> parse_monomials("lambda f^4 + kappa*f**6")
    [('lambda', 4, 1), ('kappa', 6, 14)]
    """
    reader = _Reader(text)
    if reader.here.kind == "end":
        raise InputError("the action is empty: expected for example 'lambda f^4 + kappa f^6'")
    monomials = []
    while True:
        start = reader.here
        if start.kind != "name":
            raise reader.fail(f"expected a coupling's name, found {reader.found()}")
        if start.text == "f":
            raise reader.fail("expected a coupling before the field f (write 'lambda f^4')")
        reader.take()
        reader.accept("*")
        if not (reader.here.kind == "name" and reader.here.text == "f"):
            raise reader.fail(f"expected the field f after the coupling {start.text!r}, found {reader.found()}")
        reader.take()
        if not reader.accept("^", "**"):
            raise reader.fail(f"expected '^' and a power after f, found {reader.found()}")
        power = reader.here
        if power.kind != "number" or not power.text.isdigit():
            raise reader.fail(f"expected an integer power of f, found {reader.found()}")
        reader.take()
        monomials.append((start.text, int(power.text), start.position))
        if reader.here.kind == "end":
            return monomials
        if not reader.accept("+"):
            raise reader.fail(f"expected '+' between terms, found {reader.found()}")


def parse_expression(text: str, names: Collection[str], functions: Mapping[str, int]) -> Expression:
    """Read an arithmetic expression in the variables `names` and the `functions` (name -> number of arguments).

    Raises InputError with the position of anything that the grammar does not know, of nesting deeper than
    40, and of constant powers too large to write down.

    >>> parse_expression("x/2", {"x"}, {})
    Operation(sign='/', left=Name(name='x'), right=Number(value=Fraction(2, 1)))
    """
    return _ExpressionParser(text, names, functions).parse()


class _ExpressionParser:
    def __init__(self, text: str, names: Collection[str], functions: Mapping[str, int]) -> None:
        self.reader = _Reader(text)
        self.names = names
        self.functions = functions

    def parse(self) -> Expression:
        if self.reader.here.kind == "end":
            raise InputError("the expression is empty")
        tree = self.sum(0)
        if self.reader.here.kind != "end":
            raise self.reader.fail(f"expected an operator or the end, found {self.reader.found()}")
        return tree

    def sum(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise self.reader.fail(f"nesting deeper than {MAX_DEPTH}")
        left = self.product(depth)
        while self.reader.here.text in ("+", "-"):
            sign = self.reader.take().text
            left = Operation(sign, left, self.product(depth))
        return left

    def product(self, depth: int) -> Expression:
        left = self.signed(depth)
        while self.reader.here.text in ("*", "/"):
            token = self.reader.take()
            right = self.signed(depth)
            if token.text == "/" and constant_value(right) == 0:
                raise self.reader.fail("division by zero", token)
            left = Operation(token.text, left, right)
        return left

    def signed(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise self.reader.fail(f"nesting deeper than {MAX_DEPTH}")
        if self.reader.accept("-"):
            return Operation("*", Number(Fraction(-1)), self.signed(depth + 1))
        if self.reader.accept("+"):
            return self.signed(depth + 1)
        return self.power(depth)

    def power(self, depth: int) -> Expression:
        base = self.atom(depth)
        token = self.reader.here
        if not self.reader.accept("^", "**"):
            return base
        exponent = self.signed(depth + 1)
        self.check_power(base, exponent, token)
        return Operation("^", base, exponent)

    def check_power(self, base: Expression, exponent: Expression, token: _Token) -> None:
        base_value, exponent_value = constant_value(base), constant_value(exponent)
        if exponent_value is None:
            return
        if abs(exponent_value) > MAX_EXPONENT or exponent_value.denominator > MAX_EXPONENT:
            message = f"exponent {exponent_value}: expected at most {MAX_EXPONENT} in size and denominator"
            raise self.reader.fail(message, token)
        if base_value is None:
            return
        if base_value == 0 and exponent_value < 0:
            raise self.reader.fail("division by zero", token)
        bits = max(base_value.numerator.bit_length(), base_value.denominator.bit_length())
        if bits * abs(exponent_value) > MAX_CONSTANT_BITS:
            raise self.reader.fail("constant power too large to write down", token)

    def atom(self, depth: int) -> Expression:
        token = self.reader.take()
        if token.kind == "number":
            return Number(Fraction(token.text))
        if token.kind == "name":
            return self.named(token, depth)
        if token.text == "(" and token.kind == "sign":
            inner = self.sum(depth + 1)
            self.close(token)
            return inner
        self.reader.index -= 1
        raise self.reader.fail(f"expected a number, a name or '(', found {self.reader.found()}")

    def named(self, token: _Token, depth: int) -> Expression:
        if token.text in self.functions:
            if not self.reader.accept("("):
                raise self.reader.fail(f"expected '(' after the function {token.text!r}")
            arguments = [self.sum(depth + 1)]
            while self.reader.accept(","):
                arguments.append(self.sum(depth + 1))
            self.close(token)
            if len(arguments) != self.functions[token.text]:
                raise self.reader.fail(
                    f"function {token.text!r} takes {self.functions[token.text]} argument(s), found {len(arguments)}",
                    token,
                )
            return Call(token.text, tuple(arguments))
        if token.text in self.names:
            return Name(token.text)
        raise self.reader.fail(
            f"unknown name {token.text!r} (known: {', '.join(sorted({*self.names, *self.functions}))})", token
        )

    def close(self, opened: _Token) -> None:
        if not self.reader.accept(")"):
            raise self.reader.fail(
                f"expected ')' for {opened.text!r} at position {opened.position}, found {self.reader.found()}"
            )


def combine(sign: str, left: T, right: T, power: Callable[[T, T], T]) -> T:
    """Apply the operation `sign`, one of + - * / ^, to values of any kind; how to raise to a power is theirs to say."""
    apply = _ARITHMETIC.get(sign, power)
    result: T = apply(left, right)
    return result


def constant_value(tree: Expression) -> Fraction | None:
    """Return the exact value of a tree of rational constants, None if it has names, functions or roots."""
    match tree:
        case Number(value):
            return value
        case Operation(sign, left, right):
            a, b = constant_value(left), constant_value(right)
            if a is None or b is None:
                return None
            if sign == "^" and b.denominator != 1:
                return None
            return combine(sign, a, b, lambda base, exponent: base**exponent.numerator)
        case _:
            return None


def names_in(tree: Expression) -> Iterator[str]:
    """Yield the names that occur in a tree, each as often as it occurs."""
    match tree:
        case Name(name):
            yield name
        case Operation(_, left, right):
            yield from names_in(left)
            yield from names_in(right)
        case Call(_, arguments):
            for argument in arguments:
                yield from names_in(argument)
        case _:
            return
