"""The module of handlers: begun with a stub for each job, and from then on its author's.

A later run adds stubs for jobs that have no handler yet, and their names to the import; nothing else is touched.
"""

from __future__ import annotations

import ast
import keyword
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lara_queue.codegen.python_models import WrittenJob
from lara_queue.codegen.python_names import TAKEN, snake
from lara_queue.codegen.python_text import WIDTH, call_lines, import_lines, quoted
from lara_queue.errors import ConfigurationError

__all__ = ["extended", "first_handlers", "handled_classes"]


def first_handlers(about: str, jobs: Sequence[WrittenJob], *, package: str, app: str | None, queue: str) -> str:
    """The module as it begins.

    :param about: the first line of its docstring.
    :param jobs: those that need a stub.
    :param package: the relative module with their classes, such as ``.models``.
    :param app: ``module:attribute`` of the queue object; None to make one here.
    :param queue: the name of that queue.
    """
    lines = [
        f'"""{about}',
        "",
        "This module is yours: lara-queue make:python adds to it and changes nothing.",
        '"""',
        "",
    ]
    local = ["", *import_lines(package, [job.written.name for job in jobs])] if jobs else []
    if app is None:
        lines += ["import os", "", "from lara_queue import Queue", *local, ""]
        lines += [
            'URL = os.environ.get("LARA_QUEUE_URL", "redis://localhost:6379/0")',
            "",
            f"queue = Queue(URL, queue={quoted(queue)})",
        ]
    else:
        module, _, attribute = app.partition(":")
        name = attribute or "queue"
        lines += [f"from {module} import {name}" + ("" if name == "queue" else " as queue"), *local]
    return _with_stubs("\n".join(lines) + "\n", jobs, set())


def handled_classes(source: str, name: str) -> set[str]:
    """The names of classes that functions of a module take, or are registered for.

    :param source: the module.
    :param name: the file's, for the error.
    :raises ConfigurationError: it is not Python.

    >>> handled_classes("@queue.handler\\ndef send(job: models.SendInvoice) -> None: ...", "handlers.py")
    {'SendInvoice'}
    """
    tree = _tree(source, name)
    other = {
        alias.asname: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        arguments = [*node.args.posonlyargs, *node.args.args]
        spots = [each.annotation for each in arguments if each.annotation is not None]
        spots += [
            each for decorator in node.decorator_list if isinstance(decorator, ast.Call) for each in decorator.args
        ]
        for spot in spots:
            found |= {other.get(word, word) for word in _words(spot)}
    return found


def _words(spot: ast.expr) -> set[str]:
    """The names in an expression; of a text that names a PHP class, its last part."""
    if isinstance(spot, ast.Name):
        return {spot.id}
    if isinstance(spot, ast.Attribute):
        return {spot.attr}
    if isinstance(spot, ast.Constant):
        return {spot.value.replace(".", "\\").rpartition("\\")[2]} if isinstance(spot.value, str) else set()
    return {word for child in ast.iter_child_nodes(spot) if isinstance(child, ast.expr) for word in _words(child)}


def extended(source: str, jobs: Sequence[WrittenJob], *, name: str, package: str) -> str:
    """The module with stubs for these jobs at its end, and their classes imported.

    :param source: the module as it is.
    :param jobs: those without handler.
    :param name: the file's, for the error.
    :param package: the relative module with their classes.
    :raises ConfigurationError: it is not Python.
    """
    if not jobs:
        return source
    tree = _tree(source, name)
    ends = "\r\n" if "\r\n" in source else "\n"
    lines = source.replace("\r\n", "\n").split("\n")
    imported, at, until = _import_of(tree, package)
    have = {alias.name for alias in imported.names} if imported is not None else set()
    wanted = [job.written.name for job in jobs]
    if not have.issuperset(wanted) and "*" not in have:
        if imported is None:
            new = import_lines(package, wanted)
            lines[at:at] = ["", *new] if at else [*new, ""]
        elif _stands_alone(imported, lines[at:until]):
            shown = [f"{alias.name} as {alias.asname}" if alias.asname else alias.name for alias in imported.names]
            lines[at:until] = import_lines(package, {*shown, *wanted})
        else:
            lines[until:until] = import_lines(package, set(wanted) - have)
    used = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)}
    used |= {each.id for node in tree.body for each in ast.walk(node) if isinstance(each, ast.Name)}
    return _with_stubs("\n".join(lines), jobs, used).replace("\n", ends)


def _import_of(tree: ast.Module, package: str) -> tuple[ast.ImportFrom | None, int, int]:
    """The import of the models and its lines; or, when there is none, the line after the last import."""
    level = len(package) - len(package.lstrip("."))
    last = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level == level and (node.module or "") == package.lstrip("."):
            return node, node.lineno - 1, node.end_lineno or node.lineno
        if isinstance(node, ast.Import | ast.ImportFrom):
            last = node.end_lineno or node.lineno
        elif last == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            last = node.end_lineno or node.lineno  # the docstring
    return None, last, last


def _stands_alone(node: ast.ImportFrom, lines: Sequence[str]) -> bool:
    """True when the lines hold the import and nothing else, no comment either, so that it may be written anew."""
    whole = "\n".join(lines)
    return "#" not in whole and ";" not in whole and node.col_offset == 0


def _with_stubs(source: str, jobs: Iterable[WrittenJob], used: set[str]) -> str:
    lines = source.rstrip("\n").split("\n")
    taken = {*used, "queue", "os", "URL"}
    for job in jobs:
        function = snake(job.written.name)
        while function in taken or function in TAKEN or keyword.iskeyword(function) or not function.isidentifier():
            function = f"handle_{function}"
        taken.add(function)
        lines += ["", "", *_decorator(job.options), f"def {function}(job: {job.written.name}) -> None:"]
        message = quoted(f"{job.written.class_name} has no handler yet")
        whole = f"    raise NotImplementedError({message})"
        broken = ["    raise NotImplementedError(", f"        {message},", "    )"]
        lines += [whole] if len(whole) <= WIDTH else broken
    return "\n".join(lines) + "\n"


def _decorator(options: Mapping[str, Any]) -> list[str]:
    if not options:
        return ["@queue.handler"]
    arguments = [f"{name}={value!r}" for name, value in options.items()]
    return call_lines(f"@queue.handler({', '.join(arguments)})", "@queue.handler(", arguments, "")


def _tree(source: str, name: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as exc:
        line = getattr(exc, "lineno", None)
        where = f"{name}:{line}" if line else name
        raise ConfigurationError(
            f"{where} is not Python that can be read, so nothing can be added to it: {exc}"
        ) from exc
