"""Handlers for which no PHP source can be written, and what is said then."""

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from lara_queue import Queue
from lara_queue.codegen.make_php import make_php
from lara_queue.errors import ConfigurationError
from lara_queue.laravel.binding import php_class

from .test_php_classes import ROOTS, SendInvoice, write


def _unsupported() -> type[Any]:
    @dataclass
    class Odd:
        value: complex

    return Odd


def _reserved() -> type[Any]:
    @dataclass
    class List:
        value: int

    return List


def _bad_case() -> type[Any]:
    @dataclass
    class Cases:
        value: Any = None

    kind = enum.Enum("Kind", {"class": 1})
    Cases.__annotations__["value"] = kind
    return dataclass(Cases)


def _bad_property() -> type[Any]:
    @dataclass
    class Odd:
        value: int = field(metadata={"php": "two words"})

    return Odd


def _elsewhere() -> type[Any]:
    @php_class("Other\\Jobs\\Far")
    @dataclass
    class Far:
        value: int

    return Far


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (_unsupported, r"Odd\.value is of type complex, which PHP has no form for"),
        (_reserved, r"no class named 'App\\\\Jobs\\\\List'|no class named 'List'"),
        (_bad_case, r"Kind\.class cannot be a case"),
        (_bad_property, r"'two words', which no PHP property can be"),
        (_elsewhere, r"Where does Other\\Jobs\\Far belong"),
    ],
)
def test_what_cannot_be_written(model: Callable[[], type[Any]], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        write(model())


def test_two_models_of_one_class() -> None:
    @php_class("App\\Jobs\\SendInvoice")
    @dataclass
    class Other:
        a: int

    with pytest.raises(ConfigurationError, match="both stand for App"):
        write(SendInvoice, Other)


def test_an_unknown_version_or_namespace() -> None:
    queue = Queue("memory://")
    queue.handler("A")(lambda job: None)
    with pytest.raises(ConfigurationError, match=r"Classes can be written for PHP 7\.4, 8\.0"):
        make_php(queue.registry, roots=ROOTS, target=(8, 4))
    with pytest.raises(ConfigurationError, match="not a PHP namespace"):
        make_php(queue.registry, roots=ROOTS, namespace="App Jobs")
