"""Work on the queues of a Laravel application: its .env and configuration say where they are, how its keys begin, and
which keys its jobs are encrypted with. No PHP is run.

    python examples/laravel_application.py            makes a small application in a temporary folder and shows it
    python examples/laravel_application.py /srv/shop  shows your own, and what waits in its default queue

The same on the command line: `lara-queue doctor --laravel /srv/shop`, `lara-queue size --laravel /srv/shop`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from lara_queue import Job, Laravel
from lara_queue.sql import Database
from lara_queue.sql.schema import create_tables


def demo_application(folder: Path) -> Laravel:
    """What `composer create-project laravel/laravel` and `php artisan migrate` leave: as far as queues need it."""
    (folder / "artisan").touch()
    (folder / "composer.json").write_text('{"require": {"laravel/framework": "^12.0"}}')
    (folder / ".env").write_text('APP_NAME="Corner Shop"\nQUEUE_CONNECTION=database\nCACHE_STORE=file\n')
    (folder / "database").mkdir()
    (folder / "storage/framework/cache/data").mkdir(parents=True)
    Database(f"sqlite:///{folder}/database/database.sqlite", create=True).transact(create_tables)
    return Laravel(folder, environ={})


def show(laravel: Laravel) -> None:
    settings = laravel.settings
    connection = settings.connection()
    seconds = connection.retry_after
    print(f"{settings.name}, Laravel {settings.version.major}: jobs in [{connection.name}], {seconds} s each")
    for key in ("app.name", f"queue.connections.{connection.name}.retry_after"):
        print(f"  {key}: {settings.sources[key]}")


def main() -> None:
    if len(sys.argv) > 1:
        laravel = Laravel(sys.argv[1])
        show(laravel)
        print(f"{laravel.queue().size()} jobs in the default queue")
        return
    with tempfile.TemporaryDirectory() as folder:
        laravel = demo_application(Path(folder))
        show(laravel)
        queue = laravel.queue("mail")

        @queue.handler("App\\Jobs\\SendEmail")
        def send(job: Job) -> None:
            print(f"mail to {job.data['to']}")

        queue.push("App\\Jobs\\SendEmail", {"to": "ada@example.com"})
        print(f"{queue.size()} waiting; stopped: {queue.listen(stop_when_empty=True).value}, {queue.size()} left")
        queue.close()


if __name__ == "__main__":
    main()
