"""Mutations of source files, and how one is put into the running process."""

import ast
import gc
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from mutation._operators import Candidate, candidates, replaced
from mutation._verdict import NotApplied

__all__ = ["SourceMutation", "apply", "source_mutations"]


@dataclass(frozen=True, eq=False)
class SourceMutation:
    """One candidate of one module. `where` is the file as people call it, and the function."""

    kind: str
    module: ModuleType
    tree: ast.Module
    candidate: Candidate
    where: str
    what: str

    @property
    def path(self) -> str:
        """The file, as code objects name it."""
        return _path(self.module)


def source_mutations(kind: str, modules: Iterable[ModuleType]) -> Iterator[SourceMutation]:
    """Every mutation of some imported modules. Two that read alike are told apart by a number."""
    for module in modules:
        tree = ast.parse(Path(_path(module)).read_text(encoding="utf-8"))
        seen: Counter[str] = Counter()
        for candidate in candidates(tree):
            where = f"{module.__name__} {candidate.function}".strip()
            name = f"{where}: {candidate.what}"
            seen[name] += 1
            again = f" (#{seen[name]})" if seen[name] > 1 else ""
            yield SourceMutation(kind, module, tree, candidate, where, candidate.what + again)


def apply(mutation: SourceMutation) -> None:
    """Change the functions of this process, and of it alone; NotApplied when none changes.

    Meant for a process that was forked for it: nothing is put back.
    """
    candidate = mutation.candidate
    replaced(mutation.tree, candidate.target, candidate.replacement)
    if not candidate.function:
        _rebind(mutation)
        return
    code = _find(compile(mutation.tree, mutation.path, "exec", dont_inherit=True), candidate)
    functions = list(_functions(mutation.path, candidate.function))
    changed = [function for function in functions if function.__code__ != code]
    if not changed:
        raise NotApplied(f"{mutation.where} is compiled to what it was, or was never made")
    for function in changed:
        function.__code__ = code


def _find(module: CodeType, candidate: Candidate) -> CodeType:
    pending = [module]
    while pending:
        code = pending.pop()
        if code.co_qualname == candidate.function:
            return code
        pending += [inner for inner in code.co_consts if isinstance(inner, CodeType)]
    raise NotApplied(f"there is no function {candidate.function}")


def _functions(path: str, name: str) -> Iterator[FunctionType]:
    """The functions that were made of this code, whoever wrapped them since."""
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType):
            code = thing.__code__
            if code.co_filename == path and code.co_qualname == name:
                yield thing


def _rebind(mutation: SourceMutation) -> None:
    """Give a constant of the module its changed value, wherever the product imported it."""
    statement = next(
        node for node in mutation.tree.body if _contains(node, mutation.candidate.replacement)
    )
    assert isinstance(statement, ast.Assign | ast.AnnAssign)  # noqa: S101  what candidates are of
    assert statement.value is not None  # noqa: S101
    target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
    name = ast.unparse(target)
    expression = compile(ast.Expression(statement.value), mutation.path, "eval")
    old = getattr(mutation.module, name)
    new = eval(expression, vars(mutation.module))  # noqa: S307  our own source, less one element
    if new == old:
        raise NotApplied(f"{name} is what it was")
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] in ("shared_lib", "app") and vars(module).get(name) is old:
            setattr(module, name, new)


def _contains(node: ast.AST, wanted: ast.AST) -> bool:
    return any(inner is wanted for inner in ast.walk(node))


def _path(module: ModuleType) -> str:
    if module.__file__ is None:
        raise NotApplied(f"{module.__name__} has no file")
    return module.__file__
