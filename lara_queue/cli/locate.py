"""From ``module:attribute`` to the queue it names, with a helpful line for everything that can be wrong with that.

The module is looked for in the current directory first, as ``python -m`` would. The attribute is a ``Queue`` or an
``AsyncQueue``, or a function without arguments (plain or ``async``) that makes one; without it, ``queue``.
"""

from __future__ import annotations

import difflib
import importlib
import os
import sys
import traceback
from types import ModuleType
from typing import Any

from lara_queue.aio import AsyncQueue
from lara_queue.cli.program import CommandError
from lara_queue.queue import Queue

__all__ = ["AnyQueue", "locate"]

AnyQueue = Queue | AsyncQueue
DEFAULT_ATTRIBUTE = "queue"


def locate(target: str) -> Any:
    """The object named by ``module:attribute``: a queue, or what its factory returned (awaitable if that is async).

    Raises :class:`~lara_queue.cli.program.CommandError` that says what to mend.
    """
    module_name, _, attribute = target.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        guess = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise CommandError(
            f"{module_name} is a file; name its module instead: {guess}:{attribute or DEFAULT_ATTRIBUTE}"
        )
    module = _imported(module_name)
    found: Any = module
    for part in (attribute or DEFAULT_ATTRIBUTE).split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise CommandError(_missing(module, attribute)) from None
    if isinstance(found, AnyQueue):
        return found
    if not callable(found):
        raise CommandError(
            f"{target} is of type {type(found).__name__}, not a Queue, an AsyncQueue or a factory of one."
        )
    try:
        return found()
    except Exception as error:
        raise CommandError(f"The factory {target} failed: {_where(error)}") from error


def checked(target: str, made: Any) -> AnyQueue:
    """The queue that a factory made; raises when it made something else."""
    if isinstance(made, AnyQueue):
        return made
    raise CommandError(f"The factory {target} returned {type(made).__name__}, not a Queue or an AsyncQueue.")


def _imported(name: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path[:1]:
        sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise CommandError(f"There is no module {name!r} here or among the installed packages.") from error
        raise CommandError(f"The module {name} could not be imported: {_where(error)}") from error
    except (ValueError, TypeError) as error:
        if not name or name.startswith(".") or name.endswith("."):
            raise CommandError(
                f"{name!r} is not a module's name; write module:attribute, such as app:queue."
            ) from error
        raise CommandError(f"The module {name} could not be imported: {_where(error)}") from error
    except Exception as error:
        raise CommandError(f"The module {name} could not be imported: {_where(error)}") from error


def _missing(module: ModuleType, attribute: str) -> str:
    name = attribute or DEFAULT_ATTRIBUTE
    queues = sorted(key for key, value in vars(module).items() if isinstance(value, AnyQueue))
    message = f"The module {module.__name__} has no {name!r}."
    if queues:
        return f"{message} Its queues: {', '.join(f'{module.__name__}:{key}' for key in queues)}."
    close = difflib.get_close_matches(name, vars(module), 1)
    return f"{message} Did you mean {module.__name__}:{close[0]}?" if close else message


def _where(error: BaseException) -> str:
    """The error with the line of the user's file it came from."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return text  # says the line itself
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if "importlib" not in frame.filename and frame.filename != __file__]
    if theirs:
        last = theirs[-1]
        text += f" ({os.path.basename(last.filename)}, line {last.lineno})"
    return text
