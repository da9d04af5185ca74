"""A FastAPI application that pushes jobs and never waits for them. Needs `pip install fastapi httpx`.

    python examples/fastapi_producer.py                                 asks it twice, without a server
    LARA_QUEUE_URL=redis://localhost:6379/0 uvicorn examples.fastapi_producer:app

The queue lives as long as the application, and a push is one round trip.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import BaseModel

from lara_queue import AsyncQueue

queue = AsyncQueue(os.environ.get("LARA_QUEUE_URL", "memory://"), queue="invoices")


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with queue:  # its connections are closed with the application
        yield


app = FastAPI(lifespan=lifespan)


class Invoice(BaseModel):
    number: str
    cents: int


@app.post("/invoices", status_code=202)
async def create(invoice: Invoice) -> dict[str, Any]:
    uuid = await queue.push("App\\Jobs\\SendInvoice", invoice.model_dump(), tries=3)
    return {"job": uuid}


@app.get("/health")
async def health() -> dict[str, Any]:
    return await queue.health()


async def demonstrate() -> None:
    transport = httpx.ASGITransport(app=app)
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url="http://example") as client:
        answer = await client.post("/invoices", json={"number": "2026-0042", "cents": 128150})
        print(answer.status_code, "job", answer.json()["job"])
        seen = (await client.get("/health")).json()
        print("healthy" if seen["healthy"] else "not healthy", "pending", seen["pending"])


if __name__ == "__main__":
    asyncio.run(demonstrate())
