"""Jobs as Python classes: checked and converted on the way in, written as PHP's properties on the way out.

Run it: python examples/typed_job.py
"""

from __future__ import annotations

import enum
import logging
import os
from dataclasses import dataclass, field
from datetime import datetime, timezone

from lara_queue import Queue, php_class
from lara_queue.php import protected

queue = Queue(os.environ.get("LARA_QUEUE_URL", "memory://"), queue="typed")


@php_class("App\\Enums\\Currency")
class Currency(enum.Enum):
    EUR = "EUR"
    USD = "USD"


@php_class("App\\Jobs\\SendInvoice")
@dataclass
class SendInvoice:
    number: str
    cents: int
    currency: Currency = Currency.EUR
    due: datetime | None = None
    note: str = field(default="", metadata={"php": protected("internalNote")})


@queue.handler(tries=3)
def send_invoice(invoice: SendInvoice) -> None:
    amount = f"{invoice.cents / 100:.2f} {invoice.currency.value}"
    print(f"{invoice.number}: {amount}, due {invoice.due:%Y-%m-%d}, {invoice.note!r}")


if __name__ == "__main__":
    logging.getLogger("lara_queue").setLevel(logging.CRITICAL)  # it reports every failure with its traceback
    due = datetime(2026, 12, 24, tzinfo=timezone.utc)
    queue.push(SendInvoice("2026-0042", 128150, Currency.USD, due, "call first"))

    # What PHP writes fits as well: an object with those properties. One that does not fit fails with a clear error
    # and is not tried again, because it would not fit the next time either.
    queue.push("App\\Jobs\\SendInvoice", {"number": "2026-0043", "cents": "many"})

    queue.listen(stop_when_empty=True)
    for failed in queue.failed.all():
        print(failed.exception.splitlines()[0])
    queue.failed.flush()
