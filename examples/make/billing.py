"""Handlers that PHP gets to know: `lara-queue make:php` writes the job classes that dispatch to them.

cd examples/make
lara-queue make:php billing:queue --php 8.2      writes app/Jobs/SendInvoice.php, and what it consists of
lara-queue work billing:queue                    runs what Laravel dispatches: SendInvoice::dispatch(42, $lines)
"""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal

from lara_queue import Queue, php_class

queue = Queue(os.environ.get("LARA_QUEUE_URL", "redis://localhost:6379/0"), queue="billing")


@php_class("App\\Enums\\Currency")
class Currency(enum.Enum):
    EUR = "EUR"
    USD = "USD"


@php_class("App\\Data\\InvoiceLine")
@dataclass(frozen=True)
class InvoiceLine:
    text: str
    price: Decimal
    count: int = 1


@php_class("App\\Jobs\\SendInvoice")
@dataclass(frozen=True)
class SendInvoice:
    invoice_id: int = field(metadata={"php": "invoiceId"})
    lines: list[InvoiceLine]
    currency: Currency = Currency.EUR
    note: str | None = None
    due: datetime = field(default_factory=lambda: datetime.now(timezone.utc))


@queue.handler(tries=3, backoff=[1, 5, 10], timeout=30)
def send_invoice(job: SendInvoice) -> None:
    total = sum((line.price * line.count for line in job.lines), Decimal())
    print(f"invoice {job.invoice_id}: {total} {job.currency.value}, due {job.due:%Y-%m-%d}")
