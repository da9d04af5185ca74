"""``make:python`` without command line and disk: PHP sources in, Python modules out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from lara_queue.codegen.files import SEAL, Generated, sealed
from lara_queue.codegen.library import Library
from lara_queue.codegen.make_php import Made
from lara_queue.codegen.php_code import Code, Trouble
from lara_queue.codegen.python_handlers import extended, first_handlers, handled_classes
from lara_queue.codegen.python_models import Models, WrittenClass, models_module, write_models
from lara_queue.codegen.python_names import import_key, snake
from lara_queue.codegen.python_text import import_lines
from lara_queue.errors import ConfigurationError

__all__ = ["make_python"]

ABOUT_MODELS = "The jobs of a Laravel application as Python classes."
ABOUT_HANDLERS = "What Python does with the jobs of a Laravel application."


def make_python(
    codes: Sequence[Code],
    out: Path,
    *,
    look_up: Callable[[str], Code | None] = lambda name: None,
    existing: Mapping[Path, str] | None = None,
    split: bool = False,
    app: str | None = None,
    queue: str | None = None,
) -> Made:
    """A package with the classes of PHP jobs, and a module with a stub for each.

    :param codes: the files that were read, see :func:`~lara_queue.codegen.php_reader.read_php`.
    :param out: the package's folder.
    :param look_up: reads the file of a class that these name and do not have.
    :param existing: the Python modules in the folder, by path: jobs that they handle get no stub.
    :param split: a module for each job, instead of one for all.
    :param app: ``module:attribute`` of the queue object; None to make one among the handlers.
    :param queue: the name of that queue; None for the one that all jobs name, or ``default``.
    :raises ConfigurationError: there are no jobs, or an existing module is not Python.
    """
    if app is not None and not _names_a_queue(app):
        raise ConfigurationError(f"{app!r} does not name a queue object; write module:attribute, such as app:queue.")
    library = Library(codes, look_up)
    every = [each for code in codes for each in code.classes]
    read = [each for each in every if library.find(each.name) is each]
    queued = [each for each in read if library.is_job(each)]
    jobs = [each for each in queued if not library.is_listener(each)]
    if not jobs:
        raise ConfigurationError(
            f"There are no jobs among the {len(read)} classes that were read: a job implements ShouldQueue."
        )
    models = write_models(library, jobs)
    troubles = [*(trouble for code in codes for trouble in code.troubles), *models.troubles]
    troubles += [
        Trouble(each.path, each.line, f"{each.name} is a listener; Laravel queues its event in a job of its own.")
        for each in queued
        if library.is_listener(each)
    ]
    troubles += [
        Trouble(each.path, each.line, f"{each.name} is declared a second time; the first one counts.")
        for each in every
        if library.find(each.name) is not each
    ]
    present = dict(existing or {})
    files = [*_models_files(models, out, split)]
    start = out / "__init__.py"
    if start not in present:
        files.append(Generated(start, f'"""{ABOUT_HANDLERS}"""\n', once=True))
    named = {job.queue for job in models.jobs}
    chosen = queue or (named.pop() if len(named) == 1 else "") or "default"
    handlers, notes = _handlers(models, out, present, app=app, queue=chosen)
    files.append(handlers)
    notes += _left_over(present, {file.path for file in files}, out)
    return Made(tuple(files), (*(str(each) for each in troubles), *notes))


def _names_a_queue(app: str) -> bool:
    module, colon, attribute = app.partition(":")
    parts = [*module.split("."), *([attribute] if colon else [])]
    return all(part.isidentifier() for part in parts) and not module.endswith(".py")


def _left_over(present: Mapping[Path, str], planned: set[Path], out: Path) -> list[str]:
    """Modules of models that are not written any more."""
    return [
        f"{file} is not written any more and in the way; delete it."
        for file, source in present.items()
        if _is_models(file, out) and file not in planned and "lara-queue make:python" in source
    ]


def _models_files(models: Models, out: Path, split: bool) -> list[Generated]:
    if not split:
        return [Generated(out / "models.py", models_module(ABOUT_MODELS, models.all()))]
    folder = out / "models"
    mentioned = {name for written in models.all() for name in written.mentions if name != written.class_name}
    shared = [*models.enums, *models.values]
    shared += [job.written for job in models.jobs if job.written.class_name in mentioned]
    alone = [job.written for job in models.jobs if job.written.class_name not in mentioned]
    modules: dict[str, list[WrittenClass]] = {"shared": shared} if shared else {}
    for written in alone:
        modules[_module_name(written.name, modules)] = [written]
    by_class = {written.class_name: written.name for written in shared}
    files = []
    for module, classes in modules.items():
        names = {by_class[name] for written in classes for name in written.mentions if name in by_class}
        local = [] if module == "shared" else [(".shared", name) for name in names]
        files.append(Generated(folder / f"{module}.py", models_module(ABOUT_MODELS, classes, local)))
    files.append(Generated(folder / "__init__.py", _package(modules)))
    return files


def _module_name(name: str, taken: Mapping[str, object]) -> str:
    made = snake(name)
    while made in taken or not made.isidentifier():
        made += "_"
    return made


def _package(modules: Mapping[str, Sequence[WrittenClass]]) -> str:
    lines = [f'"""{ABOUT_MODELS}', "", f"Written by lara-queue make:python; edit the PHP instead. {SEAL}", '"""', ""]
    for module in sorted(modules):
        lines += import_lines(f".{module}", [written.name for written in modules[module]])
    names = sorted((written.name for classes in modules.values() for written in classes), key=import_key)
    lines += ["", "__all__ = [", *(f'    "{name}",' for name in names), "]"]
    return sealed("\n".join(lines) + "\n")


def _handlers(
    models: Models, out: Path, present: Mapping[Path, str], *, app: str | None, queue: str
) -> tuple[Generated, list[str]]:
    """The module of handlers, and what a person should know of those whose job is gone."""
    path = out / "handlers.py"
    handled: set[str] = set()
    imported: set[str] = set()
    for file, source in present.items():
        if _is_models(file, out):
            continue
        handled |= handled_classes(source, str(file))
        imported |= set(re.findall(r"\b[A-Za-z_]\w*", " ".join(_imports(source))))
    missing = [
        job
        for job in models.jobs
        if job.written.name not in handled and job.written.class_name.rpartition("\\")[2] not in handled
    ]
    known = {written.name for written in models.all()}
    gone = sorted(name for name in imported - known if name[:1].isupper())
    notes = [f"{path}: {name} is imported from the models, and PHP has no such job any more." for name in gone]
    if path not in present:
        text = first_handlers(ABOUT_HANDLERS, missing, package=".models", app=app, queue=queue)
    else:
        text = extended(present[path], missing, name=str(path), package=".models")
    return Generated(path, text, merged=True), notes


def _is_models(file: Path, out: Path) -> bool:
    return file == out / "models.py" or out / "models" in file.parents


_IMPORT = re.compile(r"^from \.models import (\([^)]*\)|[^\n]*)", re.MULTILINE)


def _imports(source: str) -> list[str]:
    return [re.sub(r"\bas \w+", "", found) for found in _IMPORT.findall(source)]
