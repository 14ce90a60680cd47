"""Every sentence that can become a reason or a finding, read from the sources without running them.

A sentence that is put together is followed: through f-strings, conditions, local variables, functions that return text
and arguments that callers pass. What only a run would show, the name of a file for example, is `UNKNOWN`.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from itertools import islice, product
from pathlib import Path
from typing import Final

from cardfs.profile.loader import shipped_profiles
from emulator.rig.fault import command_names
from emulator.rig.kinds import KINDS
from keys.errors import CardError

from .places import ROOT

UNKNOWN: Final = "K7"
"""Stands for what only a run would show; it looks like the name of a key."""

_CARD: Final = ("keys", "cardfs/model", "cardfs/memory", "cardfs/life.py", "emulator/status.py", "emulator/card")
_FOREIGN: Final = ("emulator/rig/foreign.py", "emulator/rig/explain.py", "emulator/trace", "emulator/formats")
REASONS: Final = (*_CARD, "emulator/commands", "emulator/rig/kinds.py", *_FOREIGN)
"""Where cards refuse, and where people are told why."""
FINDINGS: Final = ("emulator/check",)
"""Where checks say what they have found."""

_FIRST: Final = ("TlvError", "CardRemoved", "Failed", "NotTested")
_REASON_AT: Final = {"Answer": 2, "Outcome": 7, "outcome": 1, **dict.fromkeys(_FIRST, 0)}
"""At which place a call has its reason, by what is called; refusals have it first, too."""
_NAMES: Final = ("listed", "numbers")
"""Functions that return names and numbers only."""
_MOST: Final = 400
"""Texts of one expression that are looked at."""

Function = ast.FunctionDef
Texts = frozenset[str]
_UNKNOWN: Final[Texts] = frozenset((UNKNOWN,))

# -- what is left of English --------------------------------------------------------------------------

_LATIN: Final = re.compile(r"[A-Za-z]*[a-z]{2,}[A-Za-z]*|\bPIN\b")
"""What a Chinese sentence has in names only: a word that is no abbreviation; and PIN, which is 个人密码."""

_KEPT: Final = ("cn", "mmdd", "Part", "records-ssse", "free-files", "roots.toml", "PIN 分组", "6Cxx")
"""What else stays: forms of data, clauses, ids of checks, files."""


@cache
def _names() -> re.Pattern[str]:
    """Match names that stay as they are: of commands, card types, faults and options."""
    names = {*command_names().values(), *shipped_profiles(), *KINDS, *_KEPT}
    return re.compile("|".join((r"--[a-z-]+", *(re.escape(each) for each in sorted(names, key=len, reverse=True)))))


def english_in(sentence: str) -> list[str]:
    """Return the words of a Chinese sentence that are still English."""
    return _LATIN.findall(_names().sub("", sentence))


# -- what the sources say -----------------------------------------------------------------------------


@cache
def sentences(places: tuple[str, ...]) -> dict[str, str]:
    """Return every sentence of some files and folders, with the line that makes it."""
    return _Sources(ROOT / each for each in places).found


def refusals(base: type[CardError] = CardError) -> Iterator[str]:
    """Yield the names of all refusals."""
    for each in base.__subclasses__():
        yield each.__name__
        yield from refusals(each)


class _Module:
    """A source, walked through once.

    Attributes:
        nodes: all of it.
        within: the innermost function around a node.
        imported: names from other modules, by what they are called here.
    """

    def __init__(self, path: Path) -> None:
        """Read it."""
        self.path = path
        self.within: dict[ast.AST, Function] = {}
        self.imported: dict[str, str] = {}
        self._assigned: dict[tuple[Function | None, str], list[ast.expr]] = {}
        self.nodes = list(self._walk(ast.parse(path.read_text(encoding="utf-8")), None))
        for node in self.nodes:
            if isinstance(node, ast.ImportFrom):
                self.imported |= {each.asname or each.name: each.name for each in node.names}
            for name, value in _given(node):
                self._assigned.setdefault((self.within.get(node), name), []).append(value)

    def _walk(self, node: ast.AST, function: Function | None) -> Iterator[ast.AST]:
        """Yield everything below a node, and note the function around it."""
        for each in ast.iter_child_nodes(node):
            if function is not None:
                self.within[each] = function
            yield each
            yield from self._walk(each, each if isinstance(each, Function) else function)

    def assigned(self, name: str, node: ast.AST | None = None) -> list[ast.expr]:
        """Return what is assigned to a variable in the function around a node; to a constant without one."""
        function = None if node is None else self.within.get(node)
        return self._assigned.get((function, name), []) if node is None or function is not None else []


class _Sources:
    """Some sources, and what is made in them."""

    def __init__(self, places: Iterable[Path]) -> None:
        """Read files and folders."""
        files = [path for each in places for path in ([each] if each.is_file() else sorted(each.rglob("*.py")))]
        self._modules = [_Module(path) for path in files]
        self._refusals = frozenset(refusals())
        self._known: dict[ast.expr, Texts] = {}

    @property
    def found(self) -> dict[str, str]:
        """Every sentence, with the line that makes it."""
        made: dict[str, str] = {}
        for module in self._modules:
            for reason in self._reasons(module):
                for text in self._texts(reason, module) - {"", UNKNOWN}:
                    made.setdefault(text, f"{module.path.relative_to(ROOT)}:{reason.lineno}")
        return made

    @cached_property
    def _functions(self) -> dict[str, list[tuple[_Module, Function]]]:
        """The functions by name."""
        found: dict[str, list[tuple[_Module, Function]]] = {}
        for module in self._modules:
            for node in module.nodes:
                if isinstance(node, Function):
                    found.setdefault(node.name, []).append((module, node))
        return found

    @cached_property
    def _returned(self) -> dict[Function, list[ast.expr]]:
        """What each function returns."""
        found: dict[Function, list[ast.expr]] = {}
        for module in self._modules:
            for node in module.nodes:
                if isinstance(node, ast.Return) and node.value is not None:
                    found.setdefault(module.within[node], []).append(node.value)
        return found

    @cached_property
    def _calls(self) -> dict[str, list[tuple[_Module, ast.Call]]]:
        """The calls by the name of what is called."""
        found: dict[str, list[tuple[_Module, ast.Call]]] = {}
        for module in self._modules:
            for node in module.nodes:
                if isinstance(node, ast.Call):
                    found.setdefault(_name(node.func), []).append((module, node))
        return found

    # -- where reasons are --------------------------------------------------------------------

    def _reasons(self, module: _Module) -> Iterator[ast.expr]:
        """Yield the expressions of reasons: given to what refuses, to a parameter or a variable of that name."""
        for node in module.nodes:
            yield from (value for name, value in _given(node) if name == "reason")
            if not isinstance(node, ast.Call):
                continue
            yield from (each.value for each in node.keywords if each.arg == "reason" or _is_note(node, each))
            at = _REASON_AT.get(_name(node.func), 0 if self._refuses(node, module) else None)
            if at is not None:
                yield from node.args[at : at + 1]

    def _refuses(self, call: ast.Call, module: _Module) -> bool:
        """Whether a refusal is made: by its name, by a variable that holds one, or in its own constructor."""
        match call.func:
            case ast.Name(id=name):
                held = [part for each in module.assigned(name, call) for part in _choices(each)]
                return not self._refusals.isdisjoint((name, *(each.id for each in held if isinstance(each, ast.Name))))
            case ast.Attribute(attr="__init__", value=ast.Call(func=ast.Name(id="super"))):
                return module.path.name == "status.py"
            case ast.Attribute(attr=name):
                return name in self._refusals
        return False

    # -- what they are ------------------------------------------------------------------------

    def _texts(self, node: ast.expr, module: _Module) -> Texts:
        """Return every text that an expression may be; what leads back to itself is not known."""
        if node not in self._known:
            self._known[node] = _UNKNOWN
            self._known[node] = self._read(node, module)
        return self._known[node]

    def _any(self, nodes: Iterable[ast.expr], module: _Module) -> Texts:
        """Return every text that one of some expressions may be."""
        return frozenset().union(*(self._texts(each, module) for each in nodes)) or _UNKNOWN

    def _read(self, node: ast.expr, module: _Module) -> Texts:
        """Return what `_texts` does, without its memory."""
        match node:
            case ast.Constant(value=str(text)):
                return frozenset((text,))
            case ast.IfExp(body=one, orelse=other):
                return self._any((one, other), module)
            case ast.BoolOp(op=ast.Or(), values=values):
                return self._any(values, module)
            case ast.JoinedStr(values=values):
                parts = product(*(self._texts(each, module) for each in values))
                return frozenset("".join(each) for each in islice(parts, _MOST))
            case ast.FormattedValue(value=value, format_spec=None):
                return self._texts(value, module)
            case ast.Name():
                return self._of_name(node, module)
            case ast.Call():
                return self._of_call(node, module)
        return _UNKNOWN

    def _of_name(self, node: ast.Name, module: _Module) -> Texts:
        """Return what a local variable holds, or what callers pass for a parameter."""
        values = module.assigned(node.id, node)
        function = module.within.get(node)
        if values or function is None or node.id not in _parameters(function, "str"):
            return self._any(values, module)
        at = _parameters(function).index(node.id)
        found = []
        for caller, call in self._calls.get(function.name, ()):
            given = [each.value for each in call.keywords if each.arg == node.id] or call.args[at : at + 1]
            found += [self._texts(each, caller) for each in given]
        return frozenset().union(*found) or _UNKNOWN

    def _of_call(self, call: ast.Call, module: _Module) -> Texts:
        """Return what a function returns, or what ``TABLE.get(…, default)`` may find."""
        match call:
            case ast.Call(func=ast.Attribute(attr="get", value=ast.Name(id=name)), args=[_, default]):
                tables = [each for each in module.assigned(name) if isinstance(each, ast.Dict)]
                return self._any((default, *(value for each in tables for value in each.values)), module)
            case ast.Call(func=ast.Name(id=name)) if name not in _NAMES:
                return self._of_function(module.imported.get(name, name), None if name in module.imported else module)
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id="self"))):
                return self._of_function(name, module)
            case ast.Call(func=ast.Attribute(attr=name, value=ast.Name(id=owner))) if owner in module.imported:
                return self._of_function(name, None)
        return _UNKNOWN

    def _of_function(self, name: str, where: _Module | None) -> Texts:
        """Return what the functions of a name return, those of one module if it is named."""
        functions = [each for each in self._functions.get(name, ()) if where in (None, each[0])]
        found = [self._any(self._returned.get(function, ()), module) for module, function in functions]
        return frozenset().union(*found) or _UNKNOWN


def _name(called: ast.expr) -> str:
    """Return the last part of the name of what is called."""
    match called:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _is_note(call: ast.Call, given: ast.keyword) -> bool:
    """Whether an argument is the text of a note in a trace, written there."""
    written = given.arg == "fields" and isinstance(given.value, ast.Constant | ast.JoinedStr)
    return written and any(isinstance(each, ast.Constant) and each.value == "note" for each in call.args)


def _parameters(function: Function, kind: str = "") -> list[str]:
    """Return the parameters that callers fill by place, then those by name alone; of one type if it is named."""
    given = function.args
    each = [arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs) if arg.arg not in ("self", "cls")]
    return [arg.arg for arg in each if not kind or (arg.annotation is not None and ast.unparse(arg.annotation) == kind)]


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables that a node fills, with their values; of a loop each value that is written there."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _each(target, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield from _each(target, value)
        case ast.For(target=target, iter=ast.Tuple(elts=values)):
            for value in values:
                yield from _each(target, value)


def _each(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield the variables of one target, also if there are several in it."""
    match target, value:
        case ast.Name(id=name), _:
            yield name, value
        case ast.Tuple(), ast.IfExp(body=one, orelse=other):
            yield from (*_each(target, one), *_each(target, other))
        case ast.Tuple(elts=targets), ast.Tuple(elts=values):
            for pair in zip(targets, values, strict=False):
                yield from _each(*pair)


def _choices(node: ast.expr) -> list[ast.expr]:
    """Return the values between which a condition chooses."""
    return [*_choices(node.body), *_choices(node.orelse)] if isinstance(node, ast.IfExp) else [node]
