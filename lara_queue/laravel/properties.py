"""The data of a job: an object's properties by plain name, without what only Laravel has put there.

Properties of Laravel's traits are left out only when it is certain that they are Laravel's and say nothing:
``Queueable`` always brings ``connection``, ``queue``, ``delay``, ``middleware``, ``chained``, ``chainConnection`` and
``chainQueue`` together, so when all of them are there, those with their default value (and ``job``, null) are dropped;
a chain is dropped, as it is in :attr:`JobView.chained <lara_queue.laravel.jobs.JobView.chained>`. A property set by the
user, or by a class without that trait, is always kept.

The properties of a class are the same from job to job, so what is to be asked about their names is asked once, and kept
as a layout. Objects that a layout is not enough for (a chain, properties that share a plain name), and values that lead
to one another, go the general way, which is :func:`~lara_queue.laravel.people.plain_properties`.
"""

from __future__ import annotations

from typing import Any

from lara_queue.laravel import names
from lara_queue.laravel.models import ModelIdentifier
from lara_queue.laravel.people import LEAF, SCALARS, array_inside, leaf, plain_properties
from lara_queue.php import PhpObject
from lara_queue.php.values import RawKey, new_object, unmangle

__all__ = ["properties"]

_SIGNATURE = frozenset(
    (
        names.CONNECTION,
        names.QUEUE,
        names.DELAY,
        names.MIDDLEWARE,
        names.CHAINED,
        names.CHAIN_CONNECTION,
        names.CHAIN_QUEUE,
    )
)
_NONE = type(None)
_DEFAULTS: dict[str, tuple[type[Any], ...]] = {  # the type of the default; its value is the empty one of that type
    names.JOB_WRAPPER: (_NONE,),
    names.CONNECTION: (_NONE,),
    names.QUEUE: (_NONE,),
    names.MESSAGE_GROUP: (_NONE,),
    names.GROUP: (_NONE,),
    names.DEDUPLICATOR: (_NONE,),
    names.DEBOUNCE_OWNER: (str, _NONE),
    names.UNIQUE_OWNER: (str, _NONE),
    names.DELAY: (_NONE,),
    names.AFTER_COMMIT: (_NONE,),
    names.MIDDLEWARE: (list,),
    names.CHAINED: (list,),
    names.CHAIN_CONNECTION: (_NONE,),
    names.CHAIN_QUEUE: (_NONE,),
    names.CHAIN_CATCH_CALLBACKS: (_NONE, list),
}
_CHAIN = (names.CHAINED, names.CHAIN_CONNECTION, names.CHAIN_QUEUE, names.CHAIN_CATCH_CALLBACKS)


_LAYOUTS = 1024  # kept before the table is emptied
_PLANS = 64  # the same, for each layout
_LEVELS = 16  # of containers, that are copied the quick way


class _Layout:
    """What is known of all objects that have certain properties.

    ``names`` has for each property its plain name, the one it stands for, and the types of its default if it is dropped
    when it has that. ``quick`` is False when names are not that simple.
    """

    __slots__ = ("batched", "by_types", "names", "quick")

    def __init__(self, keys: tuple[RawKey, ...]) -> None:
        plain_names = [unmangle(key)[0] for key in keys if type(key) is str]
        self.quick = len(set(plain_names)) == len(keys)
        traits = _DEFAULTS if _SIGNATURE.issubset(keys) else {}
        self.names = [(name, key, traits.get(str(key))) for name, key in zip(plain_names, keys, strict=False)]
        self.batched = names.BATCH_ID in keys
        self.by_types: dict[tuple[type[Any], ...], _Plan] = {}

    def learn(self, types: tuple[type[Any], ...]) -> _Plan:
        """The plan for objects whose values have these types."""
        if len(self.by_types) >= _PLANS:
            self.by_types.clear()
        plan = self.by_types[types] = _Plan(self, types)
        return plan


class _Plan:
    """What is to be done with objects that have certain properties with values of certain types.

    ``kept`` pairs plain names with the properties they stand for; ``dropped`` are all others, or None when some of the
    names differ from the properties; ``empty`` are those that must be empty for all this to hold; ``containers`` are
    the names of those that are to be copied.
    """

    __slots__ = ("containers", "dropped", "empty", "kept")

    def __init__(self, layout: _Layout, types: tuple[type[Any], ...]) -> None:
        self.dropped: list[RawKey] | None = []
        self.kept: list[tuple[RawKey, RawKey]] = []
        self.empty: list[RawKey] = []
        self.containers: list[RawKey] = []
        for (name, key, default), kind in zip(layout.names, types, strict=True):
            if default is not None and kind in default:
                if kind is not _NONE:
                    self.empty.append(key)
                if self.dropped is not None:
                    self.dropped.append(key)
                continue
            if name != key:
                self.dropped = None
            self.kept.append((name, key))
            if key == names.CHAINED and kind is list:
                self.empty.append(key)  # else it may be a chain
            if kind not in SCALARS:
                self.containers.append(name)


_layouts: dict[tuple[RawKey, ...], _Layout] = {}


def properties(command: PhpObject, batch_id: str | None = None) -> dict[str, Any]:
    """An object's properties by plain name, as plain values, without what Laravel's traits leave at its default.

    :param command: any object; of several private properties with the same plain name, the one its own class declares.
    :param batch_id: the batch that the envelope names: the command's ``batchId`` then says nothing new.

    >>> properties(PhpObject("Job", {"\\0*\\0items": [1]}))
    {'items': [1]}
    """
    raw = command.__php_vars__
    keys = tuple(raw)
    layout = _layouts.get(keys) or _learn(keys)
    if not layout.quick:
        return _generally(command, batch_id)
    types = tuple(map(type, raw.values()))
    plan = layout.by_types.get(types) or layout.learn(types)
    for key in plan.empty:
        if raw[key]:
            return _generally(command, batch_id)
    data: dict[Any, Any]
    if plan.dropped is None:
        data = {name: raw[key] for name, key in plan.kept}
    else:
        data = dict(raw)
        for key in plan.dropped:
            del data[key]
    if plan.containers:
        met = {id(command)}
        try:
            for name in plan.containers:
                data[name] = _copied(data[name], met, _LEVELS)
        except _Entangled:
            return _generally(command, batch_id)
    if layout.batched:
        _drop_batch(command, data, batch_id)
    return data


def _learn(keys: tuple[RawKey, ...]) -> _Layout:
    if len(_layouts) >= _LAYOUTS:
        _layouts.clear()
    layout = _layouts[keys] = _Layout(keys)
    return layout


class _Entangled(Exception):
    """A value is shared by two places, or lies too deep: it takes one who remembers."""


def _copied(value: Any, met: set[int], levels: int) -> Any:
    """What :func:`~lara_queue.laravel.people.plain` makes of a value that is no scalar; ``met`` are the containers so
    far.
    """
    kind = type(value)
    if kind is PhpObject:
        made = leaf(value)
        if made is not LEAF:
            if type(made) is ModelIdentifier and type(made.id) not in SCALARS:
                object.__setattr__(made, "id", _copied(made.id, met, levels - 1))
            return made
        inner = array_inside(value)
        if inner is not None:
            value = inner
            kind = type(value)
    if id(value) in met or not levels:
        raise _Entangled
    met.add(id(value))
    scalars = SCALARS
    if kind is list:
        if scalars.issuperset(map(type, value)):
            return value.copy()
        return [item if type(item) in scalars else _copied(item, met, levels - 1) for item in value]
    if kind is not dict and kind is not PhpObject:
        raise _Entangled
    raw = value if kind is dict else value.__php_vars__
    if scalars.issuperset(map(type, raw.values())):
        made = raw.copy()
    else:
        made = {key: item if type(item) in scalars else _copied(item, met, levels - 1) for key, item in raw.items()}
    return made if kind is dict else new_object(value.class_name, made)


def _generally(command: PhpObject, batch_id: str | None) -> dict[str, Any]:
    raw = command.__php_vars__
    data: dict[Any, Any] = plain_properties(command)
    if raw.keys() >= _SIGNATURE:
        for name, kinds in _DEFAULTS.items():
            if name in raw and not raw[name] and type(raw[name]) in kinds:
                data.pop(name, None)
    if _is_chain(raw.get(names.CHAINED)):
        for name in _CHAIN:
            if name in raw:
                data.pop(name, None)
    if names.BATCH_ID in raw:
        _drop_batch(command, data, batch_id)
    return data


def _drop_batch(command: PhpObject, data: dict[str, Any], batch_id: str | None) -> None:
    """Leave out what Batchable brings: its private property, and the batch id where it is null or known already."""
    raw = command.__php_vars__
    mangled = [key for key in raw if isinstance(key, str) and key.startswith("\0") and key.endswith("\0fakeBatch")]
    if mangled and raw[mangled[0]] is None:
        data.pop(names.FAKE_BATCH, None)
        if raw.get(names.BATCH_ID, "") is None:
            data.pop(names.BATCH_ID, None)
    if batch_id is not None and raw.get(names.BATCH_ID) == batch_id:
        data.pop(names.BATCH_ID, None)


def _is_chain(found: Any) -> bool:
    """True for Laravel's own list of serialized commands."""
    if not isinstance(found, list) or not found:
        return False
    return all(isinstance(link, str | bytes) and link[:2] in ("O:", b"O:") for link in found)
