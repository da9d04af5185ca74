"""Imports point one way, and no file outgrows its reader."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from lara_queue import errors

PACKAGE = Path(errors.__file__).parent
NAME = PACKAGE.name
LINES = 400

# A module may import from its own layer and from the layers above it in this list (the lower ones of the program).
# Three placements that are not obvious:
# * ``cache.signals`` is plans over the ``Cache`` port alone (which keys, in which order); the stores beside it
#   perform them. The attempt counts a job's exceptions with it, so it lies under ``lifecycle``.
# * ``job`` lies within the lifecycle: it is what an attempt is made at, and carries the decision a handler asked for.
# * ``metrics.prometheus`` shows a queue object to the outside; the figures it shows are counted below the worker.
# * ``dead_letters`` and ``inspection`` are parts of the two faces.
# * ``application`` makes queues from what a Laravel application is configured with, so it lies on top of the faces.
LAYERS: list[tuple[str, list[str]]] = [
    ("basics", ["_version", "answers", "errors", "clock", "plans", "ports", "events", "options", "emitter", "pause"]),
    ("php", ["php"]),
    ("laravel", ["laravel", "cache.signals"]),
    ("lifecycle", ["lifecycle", "bus", "middleware", "job", "logs", "registry", "tracing"]),
    ("stores", ["drivers", "failed", "cache", "batches", "sql", "metrics"]),
    ("worker", ["worker", "schedule", "results"]),
    (
        "faces",
        [
            "inline",
            "results.producing",
            "results.face",
            "schedule.face",
            "builders",
            "claims",
            "push_options",
            "producer",
            "assembly",
            "figures",
            "failures",
            "dead_letters",
            "inspection",
            "facade",
            "queue",
            "aio",
        ],
    ),
    ("application", ["application"]),
    ("surface", ["", "metrics.prometheus"]),
    ("codegen", ["codegen"]),
    ("cli", ["cli", "demo", "__main__"]),
]
BESIDE = ("testing",)  # may import everything and is imported by nothing


def modules() -> dict[str, Path]:
    """Every module of the package by its name within it; "" is the package itself."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts.pop()
        found[".".join(parts)] = path
    return found


MODULES = modules()


def layer_of(module: str) -> int:
    """The number of a module's layer; the longest name that fits counts."""
    best, number = -1, -1
    for index, (_, names) in enumerate(LAYERS):
        for name in names:
            if (module == name or (name and module.startswith(f"{name}."))) and len(name) > best:
                best, number = len(name), index
    return number


def is_beside(module: str) -> bool:
    return module.split(".")[0] in BESIDE


def type_checking_only(tree: ast.Module) -> set[ast.AST]:
    """The statements under ``if TYPE_CHECKING:``, which nothing executes."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                inside.update(ast.walk(statement))
    return inside


def imports_of(module: str, *, at_import: bool = False) -> set[str]:
    """The modules of the package that a module imports; with ``at_import`` only those that its own import executes."""
    path = MODULES[module]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = type_checking_only(tree)
    if at_import:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                skipped.update(child for child in ast.walk(node) if child is not node)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found.update(inside(alias.name) for alias in node.names if alias.name.split(".")[0] == NAME)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                parts = package.split(".") if package else []
                base = ".".join(parts[: len(parts) - node.level + 1])
                base = ".".join(filter(None, [base, node.module or ""]))
            elif node.module and node.module.split(".")[0] == NAME:
                base = inside(node.module)
            else:
                continue
            for alias in node.names:
                below = f"{base}.{alias.name}" if base else alias.name
                found.add(below if below in MODULES else base)
    return found - {module}


def inside(dotted: str) -> str:
    """A module's name within the package."""
    return dotted.partition(".")[2]


def test_every_module_has_its_layer() -> None:
    assert [module for module in MODULES if layer_of(module) < 0 and not is_beside(module)] == []


@pytest.mark.parametrize("module", [m for m in MODULES if not is_beside(m)], ids=lambda m: m or NAME)
def test_imports_point_one_way(module: str) -> None:
    wrong = [
        f"{module} ({LAYERS[layer_of(module)][0]}) imports {other} "
        f"({'beside' if is_beside(other) else LAYERS[layer_of(other)][0]})"
        for other in sorted(imports_of(module))
        if is_beside(other) or layer_of(other) > layer_of(module)
    ]
    assert wrong == []


def test_no_cycles() -> None:
    graph = {module: imports_of(module, at_import=True) for module in MODULES}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        if module in done:
            return
        assert module not in path, " imports ".join([*path[path.index(module) :], module])
        for other in sorted(graph.get(module, ())):
            visit(other, (*path, module))
        done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m or NAME)
def test_no_file_is_too_long(module: str) -> None:
    length = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    assert length <= TOO_LONG_FOR_A_REASON.get(module, LINES)


TOO_LONG_FOR_A_REASON: dict[str, int] = {}


@pytest.mark.parametrize(
    "client", ["sqlalchemy", "cryptography", "psycopg", "rich", "click", "pydantic", "asyncmy", "pymysql"]
)
def test_a_client_library_is_loaded_only_when_used(client: str) -> None:
    import subprocess
    import sys

    code = f"import lara_queue, sys; sys.exit({client!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
