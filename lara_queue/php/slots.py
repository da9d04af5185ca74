"""Who shares what with whom while a value is being read: PHP's numbers, ``r:`` and ``R:``.

Three rules are kept literally, because inputs can tell the difference:

* Every value except an ``R:`` gets a number when its reading begins. The number stands for the *slot* (container and
  key), not for the value: when a duplicate key overwrites the slot, old numbers see the new value.
* ``r:`` takes the object that is in the slot now; anything but an object is refused.
* ``R:`` makes the slot a PHP reference and shares it: an array becomes a shared list or dict, a scalar a PhpReference
  cell; for an object, which is shared anyway, both slots are marked.

Mirrors ``var_push``, ``var_access`` and the actions for ``r:`` and ``R:`` in PHP's
``ext/standard/var_unserializer.re``.
"""

from __future__ import annotations

from lara_queue.php.values import (
    PhpCustom,
    PhpEnum,
    PhpObject,
    PhpReference,
    PhpValue,
    RawKey,
    SharedDict,
    SharedList,
    new_object,
    set_by_reference,
)

__all__ = ["Frame", "Slots"]

_OBJECTS = (PhpObject, PhpEnum, PhpCustom)


class Frame:
    """One array or object being read: where its elements go, and what is known of it.

    An array is built as a dict and becomes a list, if it is one, when its end is reached.
    """

    __slots__ = ("container", "key", "left", "marked", "obj", "open", "parent", "receivers", "shared")

    def __init__(self, parent: Frame | None, key: RawKey, count: int) -> None:
        self.container: dict[RawKey, PhpValue] | list[PhpValue] = {}
        self.parent = parent
        self.key = key  # of this array or object in its parent
        self.left = count  # elements still to be read
        self.obj: PhpObject | None = None
        self.open = True
        self.shared = False
        self.marked: set[RawKey] = set()  # keys whose slot holds an object by a PHP reference
        self.receivers: list[tuple[Frame, RawKey]] = []  # slots that got this array by R: while it was open

    def get(self, key: RawKey) -> PhpValue:
        """The value in the slot."""
        return self.container[key]  # type: ignore[index]  # a list's keys are ints

    def put(self, key: RawKey, value: PhpValue) -> None:
        """Put another value into the slot."""
        self.container[key] = value  # type: ignore[index]

    def identity(self) -> int:
        """What ``id()`` gives for the value that this frame makes."""
        return id(self.container if self.obj is None else self.obj)


class Slots:
    """The numbered slots of one serialization, and the operations that depend on them."""

    def __init__(self) -> None:
        self.top = Frame(None, 0, 1)
        self.numbered: list[tuple[Frame, RawKey]] = []
        self._arrays: dict[int, Frame] = {}  # by id() of the container, which the frame keeps alive
        self._groups: dict[tuple[Frame, RawKey], object] = {}  # slots of objects by the PHP reference they belong to
        self._frames: list[Frame] = []
        self._loose = False  # a slot of a PHP reference may have got lost
        self._rivals = False  # the outermost object belongs to a PHP reference that is not the one of its own slot

    def overwrite(self, frame: Frame, key: RawKey) -> None:
        """A duplicate key: the slot is about to get another value."""
        self._loose = True
        if key in frame.marked:
            frame.marked.discard(key)
            self._groups.pop((frame, key), None)

    def open_array(self, frame: Frame, key: RawKey, count: int) -> Frame:
        """A frame for the slots of an array."""
        opened = Frame(frame, key, count)
        self._frames.append(opened)
        self._arrays[id(opened.container)] = opened
        frame.put(key, opened.container)  # a dict until it is closed
        return opened

    def open_object(self, frame: Frame, key: RawKey, count: int, class_name: str) -> Frame:
        """A frame for the slots of an object."""
        opened = Frame(frame, key, count)
        self._frames.append(opened)
        assert isinstance(opened.container, dict)
        opened.obj = new_object(class_name, opened.container)
        frame.put(key, opened.obj)
        return opened

    def close(self, frame: Frame) -> Frame:
        """The last element has been read: give the array its final form, wherever it already is. Returns the parent."""
        parent = frame.parent
        assert parent is not None
        frame.open = False
        if frame.obj is not None:
            if frame.marked:
                set_by_reference(frame.obj, frame.marked)
            return parent
        building = frame.container
        final: list[PhpValue] | dict[RawKey, PhpValue] = building
        if list(building) == list(range(len(building))):
            final = list(building.values())  # type: ignore[union-attr]  # an open array is a dict
        if frame.shared or frame.marked:
            final = _remembering(final, frame)
        frame.container = final
        self._arrays[id(final)] = frame
        parent.put(frame.key, final)
        for holder, key in frame.receivers:
            if holder.get(key) is building:
                holder.put(key, final)
        return parent

    def repeat(self, number: int, frame: Frame, key: RawKey) -> str | None:
        """An ``r:``; returns what is wrong with it."""
        holder, holder_key = self.numbered[number - 1]
        if holder is frame and holder_key == key:
            return "a value cannot be itself"
        value = holder.get(holder_key)
        if not isinstance(value, _OBJECTS):
            return f"r: needs an object, value number {number} is none"
        frame.put(key, value)
        return None

    def reference(self, number: int, frame: Frame, key: RawKey) -> str | None:
        """An ``R:``; returns what is wrong with it."""
        holder, holder_key = self.numbered[number - 1]
        if holder is frame and holder_key == key:
            return "a value cannot be a reference to itself"
        value = holder.get(holder_key)
        if isinstance(value, _OBJECTS):
            group = self._groups.get((holder, holder_key))
            if group is None:
                group = self._groups[holder, holder_key] = object()
                if holder is not self.top and value is self.top.get(0):
                    self._loose = self._rivals = True
            self._groups[frame, key] = group
            self._mark(holder, holder_key)
            frame.marked.add(key)
        elif isinstance(value, (list, dict)):
            array = self._arrays[id(value)]
            array.shared = True
            if array.open:
                array.receivers.append((frame, key))
            else:
                value = self._promote(array)
                value.shared = True
        elif not isinstance(value, PhpReference):
            value = PhpReference(value)
            holder.put(holder_key, value)
        frame.put(key, value)
        return None

    def finish(self) -> PhpValue:
        """The value that was read."""
        if self._loose and self._groups:
            self._unmark_the_lonely()
        return self.top.get(0)

    def _mark(self, holder: Frame, key: RawKey) -> None:
        holder.marked.add(key)
        if holder.open:
            return
        if holder.obj is not None:
            set_by_reference(holder.obj, holder.marked)
        else:
            self._promote(holder)

    def _promote(self, array: Frame) -> SharedList | SharedDict:
        """Make a finished array one that can remember references. Only its own slot holds it so far."""
        plain = array.container
        if isinstance(plain, (SharedList, SharedDict)):
            return plain
        promoted = _remembering(plain, array)
        array.container = promoted
        self._arrays[id(promoted)] = array
        assert array.parent is not None
        if array.parent.get(array.key) is plain:
            array.parent.put(array.key, promoted)
        return promoted

    def _unmark_the_lonely(self) -> None:
        """To PHP a reference that only one slot is left of is no reference. Count the slots that can still be
        reached."""
        frames = {frame.identity(): frame for frame in self._frames}
        reached: dict[int, Frame] = {}
        waiting = [self.top.get(0)]
        while waiting:
            value = waiting.pop()
            frame = frames.get(id(value))
            if frame is None or id(value) in reached:
                continue
            reached[id(value)] = frame
            waiting.extend(frame.container.values() if isinstance(frame.container, dict) else frame.container)
        alive: dict[object, list[tuple[Frame, RawKey]]] = {}
        for (frame, key), group in self._groups.items():
            # The outermost slot is gone when the value is returned. PHP writes R:1 all the same, when its caller has a
            # reference to the object; it shows only when another reference to the object must be told apart.
            is_left = not self._rivals if frame is self.top else frame.identity() in reached
            if is_left and key in frame.marked:
                alive.setdefault(group, []).append((frame, key))
        for slots in alive.values():
            if len(slots) == 1:
                slots[0][0].marked.discard(slots[0][1])


def _remembering(array: list[PhpValue] | dict[RawKey, PhpValue], frame: Frame) -> SharedList | SharedDict:
    if isinstance(array, list):
        return SharedList(array, shared=frame.shared, by_reference=frame.marked)
    return SharedDict(array, shared=frame.shared, by_reference=frame.marked)
