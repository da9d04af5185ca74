"""The results as pictures: ``docs/benchmark-throughput.png`` and ``docs/benchmark-backlog.png``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt

Row = dict[str, Any]
OURS, PHP, OTHERS, FLOOR = "#1f77b4", "#7a3b9c", "#b0b0b0", "#e0c060"


def draw(found: dict[str, list[Row]], folder: Path) -> None:
    """Draw what there is."""
    if found.get("throughput"):
        throughput(found["throughput"], folder / "benchmark-throughput.png")
    if found.get("backlog"):
        backlog(found["backlog"], folder / "benchmark-backlog.png")


def throughput(rows: list[Row], path: Path) -> None:
    """A bar for each worker, as a ratio to PHP's, in both places."""
    places = list(dict.fromkeys(row["place"] for row in rows))
    figure, axes = plt.subplots(1, len(places), figsize=(6.5 * len(places), 6), sharex=False, squeeze=False)
    for axis, place in zip(axes[0], places, strict=True):
        chosen = sorted((row for row in rows if row["place"] == place), key=lambda row: row["ratio"])
        axis.barh(
            [row["worker"] for row in chosen],
            [row["ratio"] for row in chosen],
            color=[colour(row["worker"]) for row in chosen],
        )
        for index, row in enumerate(chosen):
            axis.text(row["ratio"], index, f" {row['ratio']:.1f} x", va="center", fontsize=8)
        axis.set_title(f"Redis and worker {place}" if place == "apart" else f"Redis and worker on the {place}")
        axis.set_xlabel("jobs per second, Laravel's PHP worker = 1")
        axis.spines[["top", "right"]].set_visible(False)
        axis.margins(x=0.12)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def backlog(rows: list[Row], path: Path) -> None:
    """The rate over what waits."""
    figure, axis = plt.subplots(figsize=(6.5, 4))
    for worker in dict.fromkeys(row["worker"] for row in rows):
        chosen = [row for row in rows if row["worker"] == worker and not row["delayed_and_reserved"]]
        axis.plot(
            [row["waiting"] for row in chosen],
            [row["rate"] for row in chosen],
            marker="o",
            label=worker,
            color=colour(worker),
        )
    axis.set_xscale("log")
    axis.set_ylim(bottom=0)
    axis.set_xlabel("jobs waiting")
    axis.set_ylabel("jobs per second")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def colour(worker: str) -> str:
    """Ours, PHP's, a floor, or another queue's."""
    if worker.startswith(("Queue", "AsyncQueue")):
        return OURS
    if "PHP" in worker:
        return PHP
    return FLOOR if "by hand" in worker else OTHERS
