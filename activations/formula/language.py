"""The language of formulas: text to tree and back.

Python's parser makes the tree, of a text that is checked token by token before: it sees only numbers, names, operators
and balanced parentheses in an order that is possible, and nothing of it is ever evaluated.
"""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from activations.formula.table import CONSTANTS, FUNCTIONS, NAMED
from activations.formula.tree import COMPARISONS, Call, Name, Node, Number, fold, make, names, negate

PARAMETER_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")

MAX_LENGTH = 1_000
MAX_NODES = 240
MAX_DEPTH = 48
MAX_PARAMETERS = 16
LARGEST_NUMBER = 1e300
SMALLEST_NUMBER = 1e-300
LARGEST_EXPONENT = 64.0

ARITIES = {name: function.arity for name, function in NAMED.items()}

TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>\*\*|<=|>=|[-+*/^<>(),])"
)
UNARY = ("+", "-")
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "^"}
COMPARED = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


def explain_parameter(name: str) -> str | None:
    """Tell why this cannot be a parameter's name, or return None."""
    if not PARAMETER_NAME.fullmatch(name):
        return f"{name!r} is not a parameter's name: a lower-case letter, then up to 31 of a-z 0-9 _"
    if name == "x" or name in CONSTANTS or name in ARITIES:
        return f"{name} cannot be a parameter: it has a meaning of its own"
    return None


class InvalidFormula(ValueError):
    """A text is not a formula: what is wrong, what is allowed there, and the 1-based column."""

    def __init__(self, message: str, column: int = 1) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    column: int


def parse(text: str, parameters: Collection[str] | None = None) -> Node:
    """Read a formula. Without ``parameters``, every unknown name is a parameter's.

    Raises:
        InvalidFormula: the text is no formula, or beyond a bound.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidFormula(f"a formula has at most {MAX_LENGTH:,} characters, not {len(text):,}", MAX_LENGTH + 1)
    tokens = scan(text)
    check_order(tokens, len(text) + 1)
    source, columns = translate(tokens)
    try:
        tree = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InvalidFormula("this cannot be read as a formula; write it with fewer operators in a row") from None
    return Reader(columns, parameters).read(tree)


def scan(text: str) -> list[Token]:
    tokens = []
    position = 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise InvalidFormula(unknown_character(text[position]), position + 1)
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), position + 1))
        position = match.end()
    return tokens


def unknown_character(character: str) -> str:
    return f"{character!a} is not allowed; a formula has ASCII letters, digits, and + - * / ^ ( ) . , < > alone"


def check_order(tokens: list[Token], end: int) -> None:
    """Refuse what could not be a formula whatever the names mean, at the column where that shows."""
    operand_expected, signs = True, 0
    opened: list[Token] = []
    before: Token | None = None
    for token in tokens:
        signs = signs + 1 if operand_expected and token.text in UNARY else 0
        if signs > MAX_DEPTH or len(opened) > MAX_DEPTH:
            raise InvalidFormula(f"a formula is nested at most {MAX_DEPTH} levels deep", token.column)
        if operand_expected:
            check_operand(token)
            operand_expected = token.kind == "sign"
        else:
            operand_expected = check_operator(token, before, opened)
        if token.text == "(":
            opened.append(token if before is None or before.kind != "name" else before)
        before = token
    if operand_expected:
        raise InvalidFormula("a number, a name or '(' is expected at the end", end)
    if opened:
        raise InvalidFormula("this parenthesis is not closed: ')' is missing", opened[-1].column)


def check_operand(token: Token) -> None:
    if token.kind == "sign" and token.text not in {*UNARY, "("}:
        raise InvalidFormula(f"a number, a name or '(' is expected here, not {token.text!r}", token.column)


def check_operator(token: Token, before: Token | None, opened: list[Token]) -> bool:
    """Check what follows an operand; return whether another operand must follow."""
    if token.kind != "sign":
        raise InvalidFormula(f"an operator is expected before {token.text!r}, for example *", token.column)
    if token.text == "(" and (before is None or before.kind != "name"):
        raise InvalidFormula("an operator is expected before '(', for example *", token.column)
    if token.text == ")":
        if not opened:
            raise InvalidFormula("this ')' closes nothing", token.column)
        opened.pop()
    if token.text == "," and not (opened and opened[-1].kind == "name"):
        raise InvalidFormula("',' is allowed between the arguments of a function alone", token.column)
    return token.text != ")"


def translate(tokens: list[Token]) -> tuple[str, list[int]]:
    """Write the tokens for Python's parser, with the column in the user's text for each character.

    A name gets a prefix, so that ``lambda`` may be a parameter; ``^`` becomes ``**``, because Python gives ``^`` the
    precedence of exclusive or.
    """
    source, columns = [], []
    for token in tokens:
        written = f" {python_text(token)}"
        source.append(written)
        columns += [token.column] * len(written)
    return "".join(source).lstrip(), columns[1:]


def python_text(token: Token) -> str:
    if token.kind == "name":
        return f"n_{token.text}"
    if token.kind == "number":
        return repr(number(token))
    return "**" if token.text == "^" else token.text


def number(token: Token) -> float:
    value = float(token.text)
    written_as_zero = not token.text.lower().split("e")[0].strip("0.")
    if value > LARGEST_NUMBER or (value < SMALLEST_NUMBER and not written_as_zero):
        bounds = f"from {SMALLEST_NUMBER:g} to {LARGEST_NUMBER:g}"
        raise InvalidFormula(f"a number is 0, or {bounds} in magnitude", token.column)
    return value


class Reader:
    """Turns Python's tree into ours, and refuses all that the language does not have."""

    def __init__(self, columns: list[int], parameters: Collection[str] | None) -> None:
        self.columns = columns
        self.parameters = parameters
        self.nodes = 0

    def read(self, node: ast.expr, depth: int = 1) -> Node:
        self.nodes += 1
        if depth > MAX_DEPTH:
            raise self.invalid(node, f"a formula is nested at most {MAX_DEPTH} levels deep; parentheses can help")
        if self.nodes > MAX_NODES:
            raise self.invalid(node, f"a formula has at most {MAX_NODES} numbers, names, operators and functions")
        match node:
            case ast.Constant(value=float(value)):
                return Number(value)
            case ast.Name(id=identifier):
                return self.name(node, identifier.removeprefix("n_"))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return negate(self.read(operand, depth + 1))
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.read(operand, depth + 1)
            case ast.BinOp(left=left, op=operator, right=right):
                operands = self.read(left, depth + 1), self.read(right, depth + 1)
                return self.operation(OPERATORS[type(operator)], *operands, right)
            case ast.Call(func=function, args=arguments, keywords=[]):
                return self.call(function, arguments, depth)
            case ast.Compare():
                raise self.invalid(node, "a comparison is allowed as the first argument of where(a < b, u, v) alone")
        raise self.invalid(node, "this is not allowed; a formula has numbers, names, operators and functions alone")

    def name(self, node: ast.expr, name: str) -> Name:
        if name == "x" or name in CONSTANTS:
            return Name(name)
        if name in ARITIES:
            raise self.invalid(node, f"{name} is a function: write {signature(name)}")
        if self.parameters is not None and name not in self.parameters:
            known = ", ".join(("x", *self.parameters, *CONSTANTS))
            raise self.invalid(node, f"unknown name {name!r}; names are: {known}")
        if reason := explain_parameter(name):
            raise self.invalid(node, reason)
        return Name(name)

    def operation(self, operator: str, left: Node, right: Node, node: ast.expr) -> Node:
        if operator == "^":
            self.check_exponent(right, node)
        return make(operator, left, right)

    def check_exponent(self, exponent: Node, node: ast.expr) -> None:
        """Refuse 9^9^9 and its like."""
        if all(name in CONSTANTS for name in names(exponent)) and not abs(constant(exponent)) <= LARGEST_EXPONENT:
            message = f"a constant exponent is a number from -{LARGEST_EXPONENT:g} to {LARGEST_EXPONENT:g}"
            raise self.invalid(node, message)

    def call(self, function: ast.expr, arguments: list[ast.expr], depth: int) -> Node:
        if not isinstance(function, ast.Name):
            raise self.invalid(function, "only a function can be called")
        name = function.id.removeprefix("n_")
        if name == "x" or name in CONSTANTS or (self.parameters and name in self.parameters):
            raise self.invalid(function, f"{name} is not a function; for a product write {name}*(...)")
        if name not in ARITIES:
            raise self.invalid(function, f"unknown function {name!r}; functions are: {', '.join(ARITIES)}")
        if len(arguments) != ARITIES[name]:
            plural = "argument" if ARITIES[name] == 1 else "arguments"
            raise self.invalid(function, f"{signature(name)} has {ARITIES[name]} {plural}, not {len(arguments)}")
        first = self.condition(arguments[0], depth + 1) if name == "where" else self.read(arguments[0], depth + 1)
        return Call(name, (first, *(self.read(argument, depth + 1) for argument in arguments[1:])))

    def condition(self, node: ast.expr, depth: int) -> Node:
        match node:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                return Call(COMPARED[type(operator)], (self.read(left, depth + 1), self.read(right, depth + 1)))
            case ast.Compare(comparators=[_, *_]):
                raise self.invalid(node, "comparisons cannot be chained: nest two where(a < b, u, v)")
        raise self.invalid(
            node, f"the first argument of where is a comparison: a < b, with one of {' '.join(COMPARISONS)}"
        )

    def invalid(self, node: ast.expr, message: str) -> InvalidFormula:
        return InvalidFormula(message, self.columns[node.col_offset])


def constant(node: Node) -> float:
    """Compute a tree without x and parameters."""

    def visit(part: Node, arguments: tuple[float, ...]) -> float:
        if isinstance(part, Number):
            return part.value
        return CONSTANTS[part.name] if isinstance(part, Name) else float(FUNCTIONS[part.function].value(*arguments))

    with np.errstate(all="ignore"):
        return fold(node, visit)


def signature(name: str) -> str:
    arguments = {"where": "a < b, u, v", "clip": "u, low, high", "min": "u, v", "max": "u, v"}
    return f"{name}({arguments.get(name, 'u')})"


SUM, PRODUCT, SIGN, POWER, ATOM = range(1, 6)
STRENGTH = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "neg": SIGN, "^": POWER, **dict.fromkeys(COMPARISONS, 0)}


def write(node: Node) -> str:
    """Write a tree as text: canonical, with no more parentheses than it takes to read the same tree again."""
    return fold(node, written)[0]


def written(node: Node, parts: tuple[tuple[str, int], ...]) -> tuple[str, int]:
    """The text of a node and how strongly it binds."""
    if isinstance(node, Name):
        return node.name, ATOM
    if isinstance(node, Number):
        return write_number(node.value), SIGN if node.value < 0 else ATOM
    if node.function == "neg":
        return f"-{enclosed(*parts[0], PRODUCT)}", SIGN
    if node.function in COMPARISONS:
        return f"{parts[0][0]} {node.function} {parts[1][0]}", 0
    if node.function not in STRENGTH:
        return f"{node.function}({', '.join(text for text, _ in parts)})", ATOM
    strength = STRENGTH[node.function]
    left, right = operand_strengths(node.function)
    operator = f" {node.function} " if strength == SUM else node.function
    after = parts[1][0]
    second = f"({after})" if after.startswith("-") else enclosed(*parts[1], right)  # a*(-b)
    return enclosed(*parts[0], left) + operator + second, strength


def operand_strengths(operator: str) -> tuple[int, int]:
    """The strength that each operand needs to stand without parentheses: left and right."""
    return {"+": (SUM, PRODUCT), "-": (SUM, PRODUCT), "*": (PRODUCT, POWER), "/": (PRODUCT, POWER), "^": (ATOM, POWER)}[
        operator
    ]


def enclosed(text: str, strength: int, needed: int) -> str:
    return text if strength >= needed else f"({text})"


def write_number(value: float) -> str:
    """The shortest text that is read as the same float64."""
    if value.is_integer() and abs(value) < 1e16:
        return str(int(value))
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa
