"""The mutations of a source file: every statement and operand by which it refuses something."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from typing_extensions import override

__all__ = ["Candidate", "candidates", "replaced"]

_FAULTS = frozenset({"Faults", "Iterator[str]", "list[str]"})
_LONGEST = 110  # characters of code in a name


Lines = Sequence[int]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One mutation: `target` becomes `replacement`.

    `function` is the qualified name of the outermost function or method around it, empty for a
    statement of the module. A check must have run one of `lines` to notice; those that ran one of
    `refusing` are the likeliest to.
    """

    function: str
    what: str
    target: ast.AST
    replacement: ast.AST
    lines: Lines
    refusing: Lines


def candidates(tree: ast.Module) -> Iterator[Candidate]:
    """Every mutation of a module, in the order of its lines."""
    constants = _refusing_constants(tree)
    for statement in tree.body:
        if _name(statement) in constants:
            lines = _uses(tree, _name(statement))
            for found in _elements(statement, statement, ""):
                yield replace(found, lines=lines, refusing=lines)
        else:
            yield from _of_statement(statement, "")


def replaced(tree: ast.Module, target: ast.AST, replacement: ast.AST) -> None:
    """Put one node in the place of another, in place."""
    _Replacement(target, replacement).visit(tree)
    ast.fix_missing_locations(tree)


class _Replacement(ast.NodeTransformer):
    def __init__(self, target: ast.AST, replacement: ast.AST) -> None:
        self._target = target
        self._replacement = replacement

    @override
    def visit(self, node: ast.AST) -> ast.AST:
        if node is self._target:
            return self._replacement
        self.generic_visit(node)
        return node


def _of_statement(statement: ast.stmt, scope: str) -> Iterator[Candidate]:
    if isinstance(statement, ast.ClassDef):
        for inner in statement.body:
            yield from _of_statement(inner, f"{scope}{statement.name}.")
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _Function(statement, scope + statement.name).candidates()


def _uses(tree: ast.Module, name: str) -> Lines:
    """The lines that read a constant of the module."""
    return sorted(
        {
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        }
    )


def _refusing_constants(tree: ast.Module) -> frozenset[str]:
    """Constants of the module each element of which is a rule: what is refused, or who is asked."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.IfExp | ast.comprehension | ast.Return):
            tests = node.ifs if isinstance(node, ast.comprehension) else [_test(node)]
            for inner in (inner for test in tests if test for inner in ast.walk(test)):
                if isinstance(inner, ast.Attribute) and inner.attr == "isdisjoint":
                    names |= {inner.value.id} if isinstance(inner.value, ast.Name) else set()
                if isinstance(inner, ast.Compare) and isinstance(inner.ops[0], ast.In):
                    right = inner.comparators[0]
                    names |= {right.id} if isinstance(right, ast.Name) else set()
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Tuple):
            calls = [isinstance(each, ast.Call) for each in node.value.elts]
            names |= {_name(node)} if calls and all(calls) else set()
    return frozenset(names - {""})


def _test(node: ast.If | ast.IfExp | ast.Return) -> ast.expr | None:
    return node.value if isinstance(node, ast.Return) else node.test


def _name(statement: ast.AST) -> str:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


class _Function:
    """The mutations of one function, those of functions within it included."""

    def __init__(self, node: ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> None:
        self._node = node
        self._name = name
        returns = ast.unparse(node.returns) if node.returns else ""
        self._finds_faults = returns in _FAULTS
        self._says_whether = returns == "bool"

    def candidates(self) -> Iterator[Candidate]:
        for statement in ast.walk(self._node):
            if not isinstance(statement, ast.stmt) or statement is self._node:
                continue
            if _refuses(statement):
                yield self._without(statement)
            if isinstance(statement, ast.If):
                yield from self._operands(statement)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                yield from self._answers(statement, statement.value)
            if self._finds_faults and isinstance(statement, ast.Assign | ast.Return):
                yield from self._fault_lists(statement)
            own = statement.test if isinstance(statement, ast.If) else statement
            if not isinstance(own, _COMPOUND):
                yield from self._loosened(own)

    def _candidate(
        self, what: str, target: ast.AST, new: ast.AST, lines: Lines, refusing: Lines | None = None
    ) -> Candidate:
        ast.copy_location(new, target)
        return Candidate(self._name, what, target, new, lines, refusing or lines)

    def _without(self, statement: ast.stmt) -> Candidate:
        # Kept below `if False`, so that the function's variables stay what they are.
        never = ast.If(test=ast.Constant(value=False), body=[statement], orelse=[])
        return self._candidate(f"without `{_code(statement)}`", statement, never, _lines(statement))

    def _operands(self, statement: ast.If) -> Iterator[Candidate]:
        """Each reason for which a refusing `if` refuses."""
        if not _is_refusing(statement.body) and not _is_refusing(statement.orelse):
            return
        refusing = _lines(statement.body[0])
        yield from self._of_test(statement.test, _lines(statement.test), refusing)

    def _of_test(self, test: ast.expr, lines: Lines, refusing: Lines) -> Iterator[Candidate]:
        for node in ast.walk(test):
            if isinstance(node, ast.BoolOp):
                neutral = isinstance(node.op, ast.And)
                for operand in node.values:
                    # `True or x` in place of x: nothing is computed, and names stay in use.
                    new = ast.BoolOp(
                        op=ast.Or() if neutral else ast.And(),
                        values=[ast.Constant(value=neutral), operand],
                    )
                    what = f"`{_code(test)}` without `{_code(operand)}`"
                    yield self._candidate(what, operand, new, lines, refusing)
            elif isinstance(node, ast.Compare) and len(node.ops) > 1:
                for kept in (0, 1):
                    new_compare = ast.Compare(
                        left=node.left if kept == 0 else node.comparators[0],
                        ops=[node.ops[kept]],
                        comparators=[node.comparators[kept]],
                    )
                    what = f"of `{_code(node)}` only `{_code(new_compare)}`"
                    yield self._candidate(what, node, new_compare, lines, refusing)

    def _answers(self, statement: ast.Return, value: ast.expr) -> Iterator[Candidate]:
        lines = _lines(statement)
        if self._says_whether and not isinstance(value, ast.Constant):
            yield from self._of_test(value, lines, lines)
            always = ast.BoolOp(op=ast.Or(), values=[ast.Constant(value=True), value])
            yield self._candidate(f"True for `{_code(value)}`", value, always, lines)
        elif self._finds_faults and isinstance(value, ast.ListComp):
            none = ast.BoolOp(op=ast.And(), values=[ast.List(elts=[], ctx=ast.Load()), value])
            yield self._candidate(f"no `{_code(value)}`", value, none, lines)

    def _fault_lists(self, statement: ast.stmt) -> Iterator[Candidate]:
        match statement:
            case ast.Assign(value=ast.ListComp() as value):
                none = ast.BoolOp(op=ast.And(), values=[ast.List(elts=[], ctx=ast.Load()), value])
                yield self._candidate(f"no `{_code(value)}`", value, none, _lines(statement))
        yield from _elements(statement, statement, self._name)

    def _loosened(self, inside: ast.AST) -> Iterator[Candidate]:
        """Patterns that need not match to the end."""
        lines = _lines(inside)
        for node in ast.walk(inside):
            if isinstance(node, ast.Attribute) and node.attr == "fullmatch":
                new = ast.Attribute(value=node.value, attr="match", ctx=ast.Load())
                what = f"`{_code(new)}` for `{_code(node)}`"
                yield self._candidate(what, node, new, lines)


_COMPOUND = (ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try)


def _elements(statement: ast.stmt, inside: ast.AST, function: str) -> Iterator[Candidate]:
    """One candidate for each element of a literal that lists rules; what lies deeper is no list,
    and what is assigned to lists nothing.
    """
    match inside:
        case ast.Dict(keys=keys, values=values):
            for index, key in enumerate(keys):
                new: ast.expr = ast.Dict(
                    keys=keys[:index] + keys[index + 1 :],
                    values=values[:index] + values[index + 1 :],
                )
                yield _element(statement, inside, new, key or values[index], function)
        case (
            ast.List(elts=elements, ctx=ast.Load())
            | ast.Tuple(elts=elements, ctx=ast.Load())
            | ast.Set(elts=elements)
        ):
            for index, element in enumerate(elements):
                kept = elements[:index] + elements[index + 1 :]
                yield _element(statement, inside, _same(inside, kept), element, function)
        case ast.Subscript(value=value):
            yield from _elements(statement, value, function)
        case ast.comprehension(iter=iterated):
            yield from _elements(statement, iterated, function)
        case _:
            for child in ast.iter_child_nodes(inside):
                yield from _elements(statement, child, function)


def _same(node: ast.List | ast.Tuple | ast.Set, elements: list[ast.expr]) -> ast.expr:
    if isinstance(node, ast.Set):
        return ast.Set(elts=elements)
    if isinstance(node, ast.List):
        return ast.List(elts=elements, ctx=ast.Load())
    return ast.Tuple(elts=elements, ctx=ast.Load())


def _element(
    statement: ast.stmt, node: ast.expr, new: ast.expr, element: ast.AST | None, function: str
) -> Candidate:
    # What is left out stays in sight of the compiler, so that variables stay what they are.
    new = ast.IfExp(test=ast.Constant(value=False), body=node, orelse=new)
    ast.copy_location(new, node)
    what = f"without `{_code(element)}`" if element is not None else "without an element"
    if not function:
        what = f"{_name(statement)} {what}"
    return Candidate(function, what, node, new, _lines(statement), _lines(statement))


def _refuses(statement: ast.stmt) -> bool:
    match statement:
        case ast.Raise():
            return True
        case ast.Expr(value=ast.Yield() | ast.YieldFrom()):
            return True
        case ast.AugAssign(target=ast.Name(id="faults")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id="faults")))):
            return True
    return False


def _is_refusing(body: list[ast.stmt]) -> bool:
    return any(
        _refuses(inner)
        for statement in body
        for inner in ast.walk(statement)
        if isinstance(inner, ast.stmt)
    )


def _lines(node: ast.AST) -> range:
    first: int = getattr(node, "lineno", 0)
    last: int = getattr(node, "end_lineno", None) or first
    return range(first, last + 1)


def _code(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
