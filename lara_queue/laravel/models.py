"""Models in the queue: a reference that travels instead of the record.

Mirrors ``Contracts/Database/ModelIdentifier.php`` and ``Queue/SerializesAndRestoresModelIdentifiers.php``; protocol
§2.4.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["ModelIdentifier"]


@dataclass(frozen=True, slots=True)
class ModelIdentifier:
    """An Eloquent model, or several of one class, as a job carries them: by key, to be looked up again.

    Attributes:
        class_name: the model's class, or its morph alias; None for an empty collection.
        id: its key, or the list of keys of a collection.
        relations: names of the relations that were loaded, dotted where nested.
        connection: the database connection's name, or None.
        collection_class: the collection's class when it is not Laravel's own.

    >>> ModelIdentifier("App\\\\Models\\\\User", 1).connection is None
    True
    """

    class_name: str | None
    id: Any
    relations: list[str] = field(default_factory=list)
    connection: str | None = None
    collection_class: str | None = None
