"""``make:php`` without command line and disk: handlers in, files out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lara_queue.codegen.files import Generated
from lara_queue.codegen.php_shapes import BareJob, describe, registered, shape_name
from lara_queue.codegen.php_types import Target
from lara_queue.codegen.php_writer import php_source
from lara_queue.codegen.places import Root, place
from lara_queue.errors import ConfigurationError
from lara_queue.registry import Registry

__all__ = ["TARGETS", "Made", "make_php"]

TARGETS: dict[str, Target] = {"7.4": (7, 4), "8.0": (8, 0), "8.1": (8, 1), "8.2": (8, 2)}
"""The PHP versions that classes can be written for; later ones read what 8.2 reads."""


@dataclass(frozen=True, slots=True)
class Made:
    """Files as they should be, and what a person should know about them."""

    files: tuple[Generated, ...]
    notes: tuple[str, ...] = ()


def make_php(
    registry: Registry,
    *,
    roots: Sequence[Root],
    namespace: str = "App\\Jobs",
    target: Target = (8, 0),
    queue: str = "",
    connection: str = "",
) -> Made:
    """The PHP classes that dispatch to the handlers of a queue.

    :param registry: the queue's ``registry``.
    :param roots: namespaces and their folders, see :mod:`~lara_queue.codegen.places`.
    :param namespace: of jobs whose class is not bound to a PHP class.
    :param target: the oldest PHP that has to understand them; one of :data:`TARGETS`.
    :param queue, connection: where the jobs go unless whoever dispatches says otherwise; empty for Laravel's default.
    :raises ConfigurationError: a field's type has no form in PHP, or a class has no place.

    >>> from pathlib import Path
    >>> from lara_queue import Queue
    >>> make_php(Queue("memory://").registry, roots=[("App\\\\Jobs", Path("app/Jobs"))])
    Made(files=(), notes=('There are no handlers for jobs of a name; nothing to write.',))
    """
    handlers = registered(registry)
    if not handlers:
        return Made((), ("There are no handlers for jobs of a name; nothing to write.",))
    if target not in TARGETS.values():
        raise ConfigurationError(f"Classes can be written for PHP {', '.join(TARGETS)}; later ones read those for 8.2.")
    plan = describe(handlers, namespace=namespace, target=target, queue=queue, connection=connection)
    files = tuple(
        Generated(place(shape_name(shape), roots), php_source(shape, target), once=isinstance(shape, BareJob))
        for shape in plan.shapes
    )
    return Made(files, tuple(dict.fromkeys(plan.notes)))
