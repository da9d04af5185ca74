"""Calling a callback of a chain or a batch: a Python one is a job to push, a PHP one needs PHP.

A PHP closure is handed to PHP as a queued closure, when it is known on which queue a PHP worker listens
(``php_queue``) and with which key the application signs (``app_key``). Otherwise an event tells, and a line in the log:
nothing is lost but the call.

What goes wrong with a callback never becomes a failure of the job that ended, as in ``Batch::invokeHandlerCallback``;
only a store that cannot be reached is told to whoever asked, who may be able to try again.
"""

from __future__ import annotations

import logging

from lara_queue.bus.closures import Callback, call_in_php, callback_of
from lara_queue.bus.dispatch import dispatch
from lara_queue.bus.events import CallbackSkipped
from lara_queue.bus.services import Services
from lara_queue.errors import StoreError
from lara_queue.plans import Emit, Plan

__all__ = ["call_back"]

logger = logging.getLogger("lara_queue")


def call_back(
    services: Services,
    callback: object,
    what: str,
    *,
    batch_id: str | None = None,
    message: str | None = None,
    cancelled: bool = False,
) -> Plan[None]:
    """Have the callback called.

    Parameters:
        services: of the worker.
        callback: as it stood in the chain or the batch.
        what: which one it is, for people, such as ``batch then``.
        batch_id: the batch it gets; None for a chain's.
        message: the text of the exception, when there was one.
        cancelled: the batch was cancelled, so a callback that minds is not called.

    Raises :class:`~lara_queue.errors.StoreError` when its job could not be stored.
    """
    try:
        ours = callback_of(callback, services.key)
        if ours is None:
            yield from _ask_php(services, callback, what, batch_id, message)
        elif not (ours.unless_cancelled and cancelled):
            payload = _renewed(services, ours)
            yield from services.driver_of(ours.connection).push(ours.queue, payload, delay=ours.delay)
    except StoreError:
        raise
    except Exception as error:  # a wrong signature, an unknown connection, or what a job on a sync connection raised
        logger.error("A callback (%s) is not called: %s", what, error)
        yield Emit(CallbackSkipped(what, batch_id, str(error)))


def _ask_php(services: Services, callback: object, what: str, batch_id: str | None, message: str | None) -> Plan[None]:
    if services.php_queue is not None and services.key is not None:
        command = call_in_php(callback, services.key, batch_id=batch_id, message=message)
        yield from dispatch(services, command, queue=services.php_queue, display_name=f"Closure ({what})")
        return
    reason = "it is PHP's, and no php_queue and app_key are given by which PHP could be asked to run it"
    logger.error("A callback (%s) is not called: %s.", what, reason)
    yield Emit(CallbackSkipped(what, batch_id, reason))


def _renewed(services: Services, callback: Callback) -> bytes:
    """The payload, with ids of its own when the callback is one that is called several times."""
    payload = callback.payload
    for old in callback.renew:
        new = services.uuid() if len(old) == 36 else services.id()
        payload = payload.replace(old.encode(), new.encode())
    return payload
