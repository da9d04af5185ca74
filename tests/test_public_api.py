"""What users may rely on: the names, their documentation, and the examples in it."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import lara_queue
import lara_queue.php

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(lara_queue.__path__, "lara_queue.")
    if not module.name.endswith("__main__")
)


def test_the_names_of_the_package() -> None:
    assert lara_queue.__all__ == [
        "AsyncQueue",
        "Job",
        "LaraQueueError",
        "Laravel",
        "MetricsCollector",
        "Queue",
        "RetryConfig",
        "RetryStrategy",
        "StopReason",
        "WorkerOptions",
        "__version__",
        "php_class",
    ]


def test_the_names_of_the_php_package() -> None:
    assert lara_queue.php.__all__ == [
        "Limits",
        "PhpCustom",
        "PhpEnum",
        "PhpObject",
        "PhpProperty",
        "PhpReference",
        "PhpSerializeError",
        "PhpUnserializeError",
        "dumps",
        "loads",
        "private",
        "protected",
        "public",
    ]


def test_the_version_is_the_packages() -> None:
    from importlib.metadata import version

    assert version("lara-queue") == lara_queue.__version__


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_offers_is_there_and_sorted_out(name: str) -> None:
    module = importlib.import_module(name)
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public), public


@pytest.mark.parametrize("name", ["lara_queue", *MODULES])
def test_doctests(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0


def test_there_are_doctests() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = sum(len(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name)))
    assert found > 50


@pytest.mark.parametrize("name", ["lara_queue", *MODULES])
def test_everything_public_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    assert list(undocumented(module)) == []


def undocumented(module: ModuleType) -> Iterator[str]:
    """The public functions, classes and methods of a module without a docstring of their own."""
    if not module.__doc__ and not (hasattr(module, "__path__") and not getattr(module, "__all__", None)):
        yield module.__name__
    for name in getattr(module, "__all__", ()):
        value = getattr(module, name)
        if getattr(value, "__module__", None) != module.__name__:
            continue  # documented where it is defined
        if inspect.isfunction(value) and not value.__doc__:
            yield name
        elif inspect.isclass(value):
            if not value.__doc__:
                yield name
            yield from (f"{name}.{method}" for method in undocumented_members(value))


def undocumented_members(cls: type[Any]) -> Iterator[str]:
    for name, value in vars(cls).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if name.startswith("_") or not inspect.isfunction(function) or function.__doc__:
            continue
        if function.__module__ != cls.__module__ or overrides(cls, name):
            continue
        yield name


def overrides(cls: type[Any], name: str) -> bool:
    """True when a parent class documents the member."""
    return any(getattr(parent.__dict__.get(name), "__doc__", None) for parent in cls.__mro__[1:])
