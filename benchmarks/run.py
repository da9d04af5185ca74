"""All benchmarks, in one command: ``python benchmarks/run.py [--quick] [--peers] [--only SUITE …]``.

It starts its own Redis, a real Laravel 8 worker (Debian's php-illuminate-* packages and php-redis) and, with
``--peers``, other Python queues, each installed with pip in an environment of its own. Redis and the worker are pinned
to cores. The results go to ``benchmarks/results.json``, tables to ``benchmarks/RESULTS.md``, plots to ``docs/``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import venv
from pathlib import Path

from rich.console import Console
from rich.table import Table
from suites import PACKAGES, SUITES, Options, Row

HERE = Path(__file__).parent
ENVIRONMENTS = HERE / ".environments"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a tenth of the jobs, to see that it works")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the numbers of jobs")
    parser.add_argument("--peers", action="store_true", help="measure other queues, too; installs them first")
    parser.add_argument("--environments", type=Path, default=ENVIRONMENTS, help="where the peers are installed")
    parser.add_argument("--only", nargs="*", choices=list(SUITES), default=list(SUITES))
    given = parser.parse_args()
    console = Console()
    if (os.cpu_count() or 1) < 2:
        console.print("Two cores are needed to tell worker and Redis apart.")
        return 1
    options = Options(
        rounds=1 if given.quick else given.rounds,
        scale=0.1 if given.quick else given.scale,
        environments=install(given.environments, console) if given.peers else None,
    )
    results = HERE / "results.json"
    found: dict[str, list[Row]] = json.loads(results.read_text()) if results.exists() else {}
    with console.status("") as status:
        options.note = lambda text: status.update(text)
        for name in given.only:
            rows = SUITES[name](options)
            console.print(table(name, rows))
            found[name] = rows
            if not given.quick:
                results.write_text(json.dumps(found, indent=1))
    if not given.quick:
        write(found)
    for problem in options.problems:
        console.print(problem, style="red")
    return int(bool(options.problems))


def install(folder: Path, console: Console) -> Path:
    """Each peer in an environment of its own, so that none decides over another's dependencies."""
    for name, packages in PACKAGES.items():
        python = folder / name / "bin" / "python"
        if not python.exists():
            console.print(f"installing {name}")
            venv.create(folder / name, with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
    return folder


def table(name: str, rows: list[Row]) -> Table:
    """Rows for the terminal."""
    drawn = Table(title=name)
    for column in rows[0] if rows else ():
        drawn.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
    for row in rows:
        drawn.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    return drawn


def write(found: dict[str, list[Row]]) -> None:
    """The tables as Markdown, and the plots."""
    lines = [
        "# Results of `python benchmarks/run.py`",
        "",
        f"{datetime.date.today().isoformat()}, {platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}. Ratios are to PHP's worker in the same run; read those, the rates are this "
        "machine's.",
        "",
    ]
    for name, rows in found.items():
        if rows:
            lines += [f"## {name}", "", "| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
            lines += ["| " + " | ".join(_cell(value) for value in row.values()) + " |" for row in rows]
            lines.append("")
    (HERE / "RESULTS.md").write_text("\n".join(lines))
    try:
        from plots import draw
    except ImportError:
        print("matplotlib is not installed, so no plots were drawn", file=sys.stderr)
    else:
        draw(found, HERE.parent / "docs")


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
