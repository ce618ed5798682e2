"""Code as an input by meaning: a fingerprint of what a script does.

The fingerprint is a hash over top-level definitions: those of the script, and those of the library
that they refer to, directly or not. A definition is hashed as its syntax tree without positions,
comments, docstrings and annotations of functions, and with its names resolved: a name of the
library leads to the definition of that name and so to its hash, a name from elsewhere becomes its
full dotted name. So nothing changes where a function moves to another module, a module is renamed,
merged or reformatted, or gains what the script does not use; everything that a script can do
counts, in functions that are imported inside functions, too.

Statements beside definitions, such as `COLUMNS += ["donor"]`, run when a module is imported: they
count in every module that a script imports, directly or not, in their order. So do definitions with
a decorator of the library's own, which may enter them into a registry. Not seen are what an unused
assignment or class does to others as it is made, and a definition that is reached by a name in a
string; the latter can be given as a further one.
"""

from __future__ import annotations

import ast
import gc
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

# no part of what code does
LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "annotation", "returns"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
SCOPES = (*FUNCTIONS, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
TARGETS = (ast.Name, ast.Tuple, ast.List, ast.Starred)
DIGITS = 16
# a definition is hashed with what it refers to, so that two of one name in two modules cannot
# change places unnoticed; all that a script reaches counts anyway, however far away
DEPTH = 4


class Definition(NamedTuple):
    """A top-level definition; without a name, all statements beside the definitions."""

    module: str
    name: str


class Whole(NamedTuple):
    """A module of ours, as an object."""

    module: str


class Outside(NamedTuple):
    """Something of another package, by its full dotted name."""

    name: str


class Imported(NamedTuple):
    """What an import binds: a module, or an attribute of it."""

    module: str
    attribute: str | None


Target = Definition | Whole | Outside
# names of a scope: what they were imported as, nothing for a variable
Scope = dict[str, list[Imported]]
# what `global` says of a name: it is the module's
GLOBAL = [Imported("", None)]


@dataclass
class Module:
    """A parsed file of ours."""

    name: str
    path: Path
    is_package: bool
    binds_anywhere: bool = False
    definitions: dict[str, ast.stmt] = field(default_factory=dict)
    rest: list[ast.stmt] = field(default_factory=list)
    rest_names: set[str] = field(default_factory=set)
    imports: Scope = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)


class Dump(NamedTuple):
    """A definition without what it refers to."""

    digest: str
    # name used -> what it leads to
    references: frozenset[tuple[str, Definition]]
    imported: frozenset[str]


# --- what a piece of code binds -----------------------------------------------------------------


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    """Dotted name of the module that `from … import` names."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, *filter(None, [node.module])])


def packages_of(module: str) -> list[str]:
    """The packages that a module lies in."""
    parts = module.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts))]


def add_imports(scope: Scope, node: ast.Import | ast.ImportFrom, within: Module) -> None:
    """Enter the names that an import binds into a scope."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            imported = Imported(absolute(node, within.name, within.is_package), alias.name)
        else:
            imported = Imported(alias.name if alias.asname else alias.name.split(".")[0], None)
        known = scope.setdefault(alias.asname or imported.attribute or imported.module, [])
        if imported not in known:  # `import a.b` and `import a.c` both bind a
            known.append(imported)


def own_nodes(nodes: Iterable[ast.AST], anywhere: bool) -> Iterator[ast.AST]:
    """Nodes of one scope that may bind names: not those of its functions, classes, comprehensions.

    Parameters
    ----------
    nodes
        Body of the scope.
    anywhere
        Whether names may be bound in any expression, by :=.
    """
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.expr) and not (anywhere or isinstance(node, TARGETS)):
            continue
        yield node
        if isinstance(node, FUNCTIONS):
            waiting += [*node.decorator_list, *node.args.defaults]
            waiting += filter(None, node.args.kw_defaults)
        elif isinstance(node, ast.Lambda):
            waiting += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.ClassDef):
            waiting += [*node.decorator_list, *node.bases, *node.keywords]
        elif isinstance(node, COMPREHENSIONS):
            # its targets are its own, but := inside binds in the scope around it
            waiting += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
            for generator in node.generators:
                waiting += [generator.iter, *generator.ifs]
        else:
            waiting += ast.iter_child_nodes(node)


def bound_names(node: ast.AST) -> list[str]:
    """Names that a node itself binds, imports aside."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, (*SCOPES, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)):
        return [node.name] if node.name else []
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest else []
    return []


def plain_targets(statement: ast.stmt) -> list[str]:
    """Names that a statement defines and nothing else: of a function, a class, an assignment."""
    if isinstance(statement, SCOPES):
        return [statement.name]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.AnnAssign):
        targets += [statement.target] if statement.value else []
    elif isinstance(statement, ast.Assign):
        targets += statement.targets
    names = []
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Tuple | ast.List):
            targets += target.elts
        elif isinstance(target, ast.Name):
            names.append(target.id)
        else:
            return []
    return names


def does_nothing(statement: ast.stmt) -> bool:
    """Whether a statement only documents, or imports: those count by what they bind.

    Imports within a `with` are no others: it says what to install if one fails.
    """
    if isinstance(statement, ast.With):
        return all(isinstance(inner, ast.Import | ast.ImportFrom) for inner in statement.body)
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass)


# --- a definition as text -----------------------------------------------------------------------


class _Writer:
    """Writes a definition in a form that depends on nothing but its meaning."""

    def __init__(self, library: Library, module: Module, definition: Definition) -> None:
        self.library, self.module, self.definition = library, module, definition
        self.parts: list[str] = []
        self.scopes: list[Scope] = []
        self.in_class = False
        self.references: set[tuple[str, Definition]] = set()
        self.imported: set[str] = set()

    def dump(self, statements: Sequence[ast.stmt]) -> Dump:
        self.value(statements)
        text = "".join(self.parts).encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(text).hexdigest()
        return Dump(digest, frozenset(self.references), frozenset(self.imported))

    def value(self, value: object) -> None:
        """A field of a node."""
        if isinstance(value, ast.AST):
            # those that bind or resolve names have a method of their own
            _WRITERS.get(type(value), _Writer.fields)(self, value)
        elif isinstance(value, list):
            self.parts.append("[")
            for entry in value:
                if not (isinstance(entry, ast.stmt) and does_nothing(entry)):
                    self.value(entry)
                    self.parts.append(",")
            self.parts.append("]")
        else:
            self.parts.append(repr(value))

    def fields(self, node: ast.AST, *without: str) -> None:
        self.parts.append(f"({type(node).__name__}")
        for name in type(node)._fields:
            value = getattr(node, name, None)
            if value is None or value == [] or name in LEFT_OUT or name in without:
                continue
            self.parts.append(f" {name}=")
            self.value(value)
        self.parts.append(")")

    # --- names ---

    def targets(self, node: ast.AST) -> tuple[Target, ...]:
        """What an expression leads to: name, a.b.c or import_module("a.b"); nothing if unknown."""
        if isinstance(node, ast.Name):
            return self.look_up(node.id)
        if isinstance(node, ast.Attribute):
            found: list[Target] = []
            for base in self.targets(node.value):
                if isinstance(base, Outside):
                    found.append(Outside(f"{base.name}.{node.attr}"))
                elif isinstance(base, Whole):
                    found += self.library.attribute(base.module, node.attr)
                else:
                    return ()
            return tuple(found)
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.args[0].value
            loads = self.targets(node.func) == (Outside("importlib.import_module"),)
            if loads and isinstance(name, str) and self.library.is_ours(name):
                self.imported.add(name)
                return (Whole(self.library.module(name, self.module.path).name),)
        return ()

    def look_up(self, name: str) -> tuple[Target, ...]:
        for scope in reversed(self.scopes):
            if name in scope:
                imports = scope[name]
                if imports is GLOBAL:
                    break
                return tuple(t for one in imports for t in self.library.target(one, self.module))
        return self.library.look_up(self.module, name)

    def reference(self, name: str, targets: Iterable[Target]) -> None:
        """Write what a name leads to."""
        for target in targets:
            if isinstance(target, Outside):
                self.parts.append(f"(outside {target.name})")
            elif isinstance(target, Definition):
                # variables of the rest, and what __getattr__ gives, are no definitions
                own = target.name if target.name not in ("", "__getattr__") else name
                self.parts.append(f"(ours {own})")
                self.refer(own, target)
            else:
                self.parts.append("(module)")
                module = self.library.module(target.module)
                for each in (*module.definitions, ""):
                    self.refer(each, Definition(module.name, each))

    def refer(self, name: str, definition: Definition) -> None:
        if definition != self.definition:
            self.references.add((name, definition))

    def name(self, node: ast.Name) -> None:
        targets = self.look_up(node.id)
        if isinstance(node.ctx, ast.Load) and targets:
            self.reference(node.id, targets)
            return
        for target in targets:  # a function may change a variable of its module
            if isinstance(target, Definition):
                self.refer(node.id, target)
        self.parts.append(node.id)

    def attribute_or_call(self, node: ast.Attribute | ast.Call) -> None:
        targets = self.targets(node)
        if targets:
            self.reference(node.attr if isinstance(node, ast.Attribute) else "", targets)
        else:
            self.fields(node)

    # --- scopes ---

    def enter(self, nodes: Iterable[ast.AST], arguments: ast.arguments | None) -> None:
        """Begin the scope of a function: its own names hide those of the module."""
        scope: Scope = {}
        of_module: set[str] = set()
        around: set[str] = set()
        if arguments:
            every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
            scope |= {argument.arg: [] for argument in every}
            scope |= {one.arg: [] for one in (arguments.vararg, arguments.kwarg) if one}
        for node in own_nodes(nodes, self.module.binds_anywhere):
            if isinstance(node, ast.Import | ast.ImportFrom):
                add_imports(scope, node, self.module)
                self.imported |= self.library.modules_of_import(node, self.module)
            elif isinstance(node, ast.Global):
                of_module |= set(node.names)
            elif isinstance(node, ast.Nonlocal):
                around |= set(node.names)
            else:
                for name in bound_names(node):
                    scope.setdefault(name, [])
        scope |= dict.fromkeys(of_module, GLOBAL)
        self.scopes.append({name: scope[name] for name in scope.keys() - around})

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        around, self.in_class = self.in_class, False
        self.parts.append(f"({type(node).__name__} {getattr(node, 'name', '')} ")
        # evaluated in the scope around the function
        for name in ("decorator_list", "type_params"):
            self.value(getattr(node, name, []))
        self.value([node.args.defaults, node.args.kw_defaults])
        body = node.body if isinstance(node.body, list) else [node.body]
        self.enter(body, node.args)
        self.fields(node.args, "defaults", "kw_defaults")
        self.value(body)
        self.scopes.pop()
        self.parts.append(")")
        self.in_class = around

    def class_(self, node: ast.ClassDef) -> None:
        self.fields(node, "body")
        around, self.in_class = self.in_class, True
        # its functions do not see its names, and a name of its own may be the module's before
        self.enter([], None)
        for statement in own_nodes(node.body, self.module.binds_anywhere):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                add_imports(self.scopes[-1], statement, self.module)
                self.imported |= self.library.modules_of_import(statement, self.module)
        self.value(node.body)
        self.scopes.pop()
        self.in_class = around

    def comprehension(self, node: ast.AST) -> None:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        # the first iterable is evaluated in the scope around it
        self.value(generators[0].iter)
        stored = own_nodes((generator.target for generator in generators), False)
        self.scopes.append({name: [] for one in stored for name in bound_names(one)})
        self.parts.append(f"({type(node).__name__} ")
        for i, generator in enumerate(generators):
            self.fields(generator, *(["iter"] if i == 0 else []))
        self.fields(node, "generators")
        self.parts.append(")")
        self.scopes.pop()

    def annotated(self, node: ast.AnnAssign) -> None:
        """Annotations mean something in classes alone: dataclasses read them."""
        if self.in_class:
            self.fields(node)
            self.parts.append(" annotation=")
            self.value(node.annotation)
        elif node.value is not None:
            self.value(ast.Assign(targets=[node.target], value=node.value))


_WRITERS: dict[type[ast.AST], Callable[..., None]] = {
    ast.Constant: lambda writer, node: writer.parts.append(
        f"({type(node.value).__name__} {node.value!r})"
    ),
    ast.Name: _Writer.name,
    ast.Attribute: _Writer.attribute_or_call,
    ast.Call: _Writer.attribute_or_call,
    ast.FunctionDef: _Writer.function,
    ast.AsyncFunctionDef: _Writer.function,
    ast.Lambda: _Writer.function,
    ast.ClassDef: _Writer.class_,
    ast.AnnAssign: _Writer.annotated,
    **dict.fromkeys(COMPREHENSIONS, _Writer.comprehension),
}


# --- scripts and their library ------------------------------------------------------------------


class Library:
    """Scripts of a folder and the packages beside them, as far as they have been looked at.

    Parameters
    ----------
    folder
        Where the scripts lie; Python finds what they import there first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ours: dict[str, bool] = {}
        self._modules: dict[str, Module] = {}
        self._dumps: dict[Definition, Dump] = {}
        self._digests: dict[tuple[Definition, int], str] = {}
        self._fingerprints: dict[tuple[str, ...], str] = {}

    def fingerprint(self, script: str, *further: str) -> str:
        """Hash of what a script does.

        Parameters
        ----------
        script
            Its name, without .py.
        further
            Definitions that it reaches by a name in a string: hce.module:name.

        Returns
        -------
        str
            16 hexadecimal digits.

        Raises
        ------
        ImportError
            If the script or a module of the library imports what is not there; names the file.
        FileNotFoundError
            If there is no such script.
        """
        known = self._fingerprints.get((script, *further))
        if known is None:
            # syntax trees are many objects and all in use
            collects = gc.isenabled()
            gc.disable()
            try:
                known = self._fingerprints[script, *further] = self._fingerprint(script, further)
            finally:
                if collects:
                    gc.enable()
        return known

    def _fingerprint(self, script: str, further: Iterable[str]) -> str:
        start, modules = self._start(script), {script}
        for one in further:
            module, _, name = one.partition(":")
            found = self.target(Imported(module, name), self.module(script))
            start += [target for target in found if isinstance(target, Definition)]
            modules.add(module)
        reached = self._walk(start, modules)
        return _digest(*sorted({self.digest(definition) for definition in reached}))[:DIGITS]

    def _start(self, script: str) -> list[Definition]:
        return [Definition(script, name) for name in (*self.module(script).definitions, "")]

    def _walk(self, definitions: Iterable[Definition], modules: Iterable[str]) -> set[Definition]:
        """Definitions that some reach, and what runs as modules are imported on the way."""
        waiting: list[Definition | str] = [*modules, *definitions]
        reached: set[Definition] = set()
        closure: set[str] = set()
        while waiting:
            one = waiting.pop()
            if isinstance(one, str):
                if one not in closure:
                    closure.add(one)
                    module = self.module(one)
                    waiting += [*module.imported, *packages_of(one)]
                    waiting += [Definition(one, "")] if module.rest else []
            elif one not in reached:
                reached.add(one)
                dump = self.dump(one)
                waiting += [target for _, target in dump.references]
                waiting += dump.imported
        return reached

    # --- modules ---

    def is_ours(self, module: str) -> bool:
        """Whether a module lies beside the scripts."""
        first = module.partition(".")[0]
        if first not in self._ours:
            places = (self.folder / first, self.folder / f"{first}.py")
            self._ours[first] = bool(first) and (places[0].is_dir() or places[1].is_file())
        return self._ours[first]

    def _file(self, module: str) -> Path | None:
        place = self.folder.joinpath(*module.split("."))
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                return path
        return place if place.is_dir() else None

    def module(self, name: str, importer: Path | None = None) -> Module:
        """A module of ours, parsed once."""
        if name not in self._modules:
            path = self._file(name)
            if path is None and importer is None:
                raise FileNotFoundError(f"there is no script {self.folder / name}.py")
            if path is None:
                raise ImportError(f"{importer} imports {name}, and there is no such module")
            self._modules[name] = self._parse(name, path)
        return self._modules[name]

    def _parse(self, name: str, path: Path) -> Module:
        module = Module(name, path, path.is_dir() or path.name == "__init__.py")
        if path.is_dir():
            return module  # a folder without __init__.py
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text, path.as_posix())
        anywhere = module.binds_anywhere = ":=" in text
        counts: Counter[str] = Counter()
        for node in own_nodes(tree.body, anywhere):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module.imported |= self.modules_of_import(node, module)
                add_imports(module.imports, node, module)
            counts.update(bound_names(node))
            if isinstance(node, ast.ClassDef):  # its body runs with the module
                for inner in own_nodes(node.body, anywhere):
                    if isinstance(inner, ast.Import | ast.ImportFrom):
                        module.imported |= self.modules_of_import(inner, module)
        for statement in tree.body:
            names = plain_targets(statement)
            once = all(counts[bound] == 1 and bound not in module.imports for bound in names)
            if names and once and not self._may_register(statement, module, counts):
                module.definitions |= dict.fromkeys(names, statement)
            elif not does_nothing(statement):
                module.rest.append(statement)
                bound = (n for node in own_nodes([statement], anywhere) for n in bound_names(node))
                module.rest_names |= set(bound)
        return module

    def _may_register(self, statement: ast.stmt, module: Module, bound: Counter[str]) -> bool:
        """Whether a definition has a decorator of ours, which may do more than decorate."""
        for decorator in getattr(statement, "decorator_list", []):
            for node in ast.walk(decorator):
                if isinstance(node, ast.Name):
                    imports = module.imports.get(node.id, [])
                    if node.id in bound or any(self.is_ours(one.module) for one in imports):
                        return True
        return False

    def modules_of_import(self, node: ast.Import | ast.ImportFrom, within: Module) -> set[str]:
        """Modules of ours that an import loads, without the packages that they lie in."""
        if isinstance(node, ast.Import):
            names = {alias.name for alias in node.names if self.is_ours(alias.name)}
        else:
            source = absolute(node, within.name, within.is_package)
            if not self.is_ours(source):
                return set()
            if node.names[0].name == "*":
                raise ImportError(f"{within.path} imports * from {source}: name what it uses")
            inner = {f"{source}.{alias.name}" for alias in node.names}
            names = {source, *(name for name in inner if self._file(name))}
        for name in names:
            if self._file(name) is None:
                raise ImportError(f"{within.path} imports {name}, and there is no such module")
        return names

    # --- names ---

    def look_up(self, module: Module, name: str) -> tuple[Target, ...]:
        """What a name of a module leads to; nothing if the module does not bind it."""
        if name in module.definitions:
            return (Definition(module.name, name),)
        found: list[Target] = []
        if name in module.rest_names:
            found.append(Definition(module.name, ""))
        for imported in module.imports.get(name, []):
            found += self.target(imported, module)
        return tuple(found)

    def attribute(self, name: str, attribute: str) -> tuple[Target, ...]:
        """What an attribute of a module leads to; nothing if it has none of that name."""
        module = self.module(name)
        found = self.look_up(module, attribute)
        if not found and module.is_package and self._file(f"{name}.{attribute}"):
            return (Whole(f"{name}.{attribute}"),)
        if not found and "__getattr__" in module.definitions:
            return (Definition(name, "__getattr__"),)
        return found

    def target(self, imported: Imported, within: Module) -> tuple[Target, ...]:
        """What an import leads to.

        Raises
        ------
        ImportError
            If it is one of ours and not there.
        """
        if not self.is_ours(imported.module):
            return (Outside(".".join(filter(None, imported))),)
        self.module(imported.module, within.path)
        if imported.attribute is None:
            return (Whole(imported.module),)
        found = self.attribute(imported.module, imported.attribute)
        if not found:
            raise ImportError(
                f"{within.path} imports {imported.attribute} from {imported.module}, which has no "
                "such name"
            )
        return found

    # --- hashes ---

    def dump(self, definition: Definition) -> Dump:
        """A definition, without what it refers to."""
        if definition not in self._dumps:
            module = self.module(definition.module)
            name = definition.name
            statements = [module.definitions[name]] if name else module.rest
            self._dumps[definition] = _Writer(self, module, definition).dump(statements)
        return self._dumps[definition]

    def digest(self, definition: Definition, depth: int = DEPTH) -> str:
        """Hash of a definition and of what it reaches in so many references."""
        known = self._digests.get((definition, depth))
        if known is None:
            dump = self.dump(definition)
            references = dump.references if depth else ()
            below = (f"{name} {self.digest(target, depth - 1)}" for name, target in references)
            known = self._digests[definition, depth] = _digest(dump.digest, *sorted(below))
        return known


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def library(folder: Path) -> Library:
    """The scripts of a folder, read once: the workflow is, where the controls import it, twice."""
    return Library(folder)


# --- files --------------------------------------------------------------------------------------

SCRIPTS = Path(__file__).parents[2] / "scripts"


def module_name(path: Path) -> str:
    """Dotted name of a file by which scripts import it: hce.census.reading."""
    if not path.is_relative_to(SCRIPTS):
        return path.stem
    parts = path.relative_to(SCRIPTS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported_names(path: Path) -> frozenset[str]:
    """Dotted names of the modules that a file imports, inside functions too."""
    ours = library(SCRIPTS)
    module = Module(module_name(path), path, path.name == "__init__.py")
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path.as_posix())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(absolute(node, module.name, module.is_package))
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= ours.modules_of_import(node, module)
    return frozenset(names)


def reached(paths: Iterable[Path]) -> set[Path]:
    """Files, and those of ours that they import, directly or not, inside functions too.

    Raises
    ------
    ImportError
        If one of them imports a module of ours that is not there.
    """
    ours = library(SCRIPTS)
    waiting, found = list(paths), set()
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        if path.name == "__init__.py":
            # what a package loads when it is asked for it is not loaded with the package
            names = ours.module(module_name(path)).imported
        else:
            names = {name for name in imported_names(path) if ours.is_ours(name)}
        names |= {package for name in names for package in packages_of(name)}
        files = (ours.module(name, path).path for name in names)
        waiting += [file for file in files if file.is_file()]
    return found
