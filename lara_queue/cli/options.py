"""Options that many commands share: which queue, whose cache, how much to say."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from lara_queue.cli.program import state
from lara_queue.cli.session import Place, remember_application

__all__ = ["general_options", "queue_options", "split_names"]

F = TypeVar("F", bound=Callable[..., Any])


def _be_verbose(_context: click.Context, _parameter: click.Parameter, value: int) -> None:
    state.verbosity += value
    state.debug = state.debug or value > 0


def _debug(_context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    state.debug = state.debug or value


_VERBOSE = click.option(
    "-v",
    "--verbose",
    count=True,
    is_eager=True,
    expose_value=False,
    callback=_be_verbose,
    help="Say more: progress in the log, details, tracebacks; -vv even more.",
)
_DEBUG = click.option(
    "--debug", is_flag=True, is_eager=True, expose_value=False, callback=_debug, help="Show tracebacks of errors."
)


def _laravel(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    typed = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    remember_application(context, value, typed=typed)


_LARAVEL = click.option(
    "--laravel",
    metavar="PATH",
    envvar="LARA_QUEUE_LARAVEL",
    is_eager=True,
    expose_value=False,
    callback=_laravel,
    help="A Laravel application's folder: its .env and configuration say the rest; also LARA_QUEUE_LARAVEL.",
)

_PLACE = (
    click.option("--app", metavar="MODULE:ATTR", envvar="LARA_QUEUE_APP", help="Take the queue object from code."),
    click.option(
        "--connection",
        metavar="URL",
        envvar="LARA_QUEUE_URL",
        help="Where the jobs are, such as redis://localhost:6379/0; with --laravel one of its connections.",
    ),
    click.option("--appname", help="First part of the Redis key prefix; also LARA_QUEUE_APPNAME.  [default: laravel]"),
    click.option(
        "--prefix",
        help="The rest of that prefix, -database- from Laravel 12.1 on; also LARA_QUEUE_PREFIX.  [default: _database_]",
    ),
)
_FAILED = (
    click.option(
        "--failed",
        metavar="URL",
        envvar="LARA_QUEUE_FAILED",
        help="Where failed jobs are kept.  [default: beside the queue]",
    ),
    click.option(
        "--dead-letter-queue",
        metavar="NAME",
        help="On Redis, the list that failures are kept in.  [default: default:failed]",
    ),
)
_CACHE = (
    click.option("--cache", metavar="URL", envvar="LARA_QUEUE_CACHE", help="Laravel's cache store."),
    click.option(
        "--cache-prefix",
        help="Whole prefix of its keys, such as laravel_database_laravel_cache_; also LARA_QUEUE_CACHE_PREFIX.",
    ),
)
_KEYS = (
    click.option(
        "--app-key",
        envvar="LARA_QUEUE_APP_KEY",
        help="The application's APP_KEY, for encrypted jobs; better in LARA_QUEUE_APP_KEY, where ps does not show it.",
    ),
)


def general_options(function: F) -> F:
    """``--laravel``, ``-v`` and ``--debug``."""
    return _LARAVEL(_VERBOSE(_DEBUG(function)))


def queue_options(*, failed: bool = False, cache: bool = False, keys: bool = False) -> Callable[[F], F]:
    """Have a command called with a :class:`~lara_queue.cli.session.Place` as its first argument.

    Parameters:
        failed: it needs the failed-job store.
        cache: it needs Laravel's cache.
        keys: it looks into jobs, which may be encrypted.
    """
    wanted = [*_PLACE, *(_FAILED if failed else ()), *(_CACHE if cache else ()), *(_KEYS if keys else ())]

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def command(**given: Any) -> Any:
            place = Place(**{name: given.pop(name) for name in Place.names() if name in given})
            return function(place, **given)

        decorated: Any = general_options(command)
        for option in reversed(wanted):
            decorated = option(decorated)
        return decorated  # type: ignore[no-any-return]  # click's decorators hand the function through

    return decorate


def split_names(given: Sequence[str]) -> list[str]:
    """Queue names from arguments that may be comma lists, each once, in order.

    >>> split_names(["high, low", "low", ""])
    ['high', 'low']
    """
    parts = (part.strip() for argument in given for part in argument.split(","))
    return list(dict.fromkeys(part for part in parts if part))
