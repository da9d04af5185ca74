"""``lara-queue work --processes`` on a real Redis: the supervisor and its children."""

from __future__ import annotations

import os
import signal

import pytest

from tests.cli.lab import HERE, PATIENCE, Lab, held, is_alive, lab, noticed

__all__ = ["lab"]  # fixtures
pytestmark = pytest.mark.live


def test_children_share_the_work_and_end_together(lab: Lab) -> None:
    held(lab, 3)
    supervisor = lab.work("queue", "--processes", "3", "-v")
    lab.until(lambda: len(lab.pids()) == 3)
    held(lab)
    supervisor.send_signal(signal.SIGTERM)
    lab.until(lambda: noticed(lab, supervisor, 3))  # else one of them may still take a job
    lab.go()
    assert supervisor.wait(PATIENCE) == 0
    assert len(lab.notes("ended")) == 3
    assert (lab.queue.pending_size(), lab.queue.reserved_size()) == (1, 0)


def test_a_killed_child_is_replaced(lab: Lab) -> None:
    held(lab, 2)
    supervisor = lab.work("queue", "--processes", "2")
    lab.until(lambda: len(lab.pids()) == 2)
    before = lab.pids()
    os.kill(min(before), signal.SIGKILL)
    held(lab, 1)
    lab.until(lambda: len(lab.pids()) == 3)
    assert supervisor.poll() is None
    assert any("was killed by SIGKILL" in line for line in lab.told(supervisor))
    supervisor.send_signal(signal.SIGTERM)
    lab.go()
    assert supervisor.wait(PATIENCE) == 0


def test_a_second_signal_forces_the_children(lab: Lab) -> None:
    held(lab, 2)
    supervisor = lab.work("queue", "--processes", "2", "-v")
    lab.until(lambda: len(lab.pids()) == 2)
    supervisor.send_signal(signal.SIGTERM)
    lab.until(lambda: noticed(lab, supervisor, 2))
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0
    assert lab.notes("ended") == []
    assert [job.envelope.attempts for job in lab.queue.pending_jobs()] == [0, 0]


def test_a_bounded_run_ends_when_all_children_have_come_to_their_end(lab: Lab) -> None:
    lab.queue.bulk(["App\\Jobs\\X"] * 10)
    supervisor = lab.work("queue", "--processes", "2", "--max-jobs", "5")
    assert supervisor.wait(PATIENCE) == 0
    assert sorted(note.split()[0] for note in lab.notes("ended")) == sorted(
        str(pid) for pid in lab.pids() for _ in range(5)
    )
    assert lab.queue.size() == 0


def test_children_at_their_memory_limit_are_replaced(lab: Lab) -> None:
    lab.queue.bulk(["App\\Jobs\\X"] * 6)
    supervisor = lab.work("glutton", "--processes", "2", "--memory", "64", "--stop-when-empty")
    assert supervisor.wait(PATIENCE) == 0
    assert lab.queue.size() == 0
    assert len(lab.pids("ended")) > 2


def test_a_restart_signal_replaces_the_children(lab: Lab) -> None:
    supervisor = lab.work("queue", "--processes", "1", "--reload")  # one child, supervised
    lab.queue.push("App\\Jobs\\X")
    lab.until(lambda: len(lab.pids()) == 1)
    restart = lab.start("restart", "--app", "worker_app:queue", wait=False)
    assert restart.wait(PATIENCE) == 0

    def replaced() -> bool:
        lab.queue.push("App\\Jobs\\X")
        return len(lab.pids()) == 2

    lab.until(replaced)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(PATIENCE) == 0


def test_pause_and_resume_reach_the_children(lab: Lab) -> None:
    alive = lab.home / "alive"
    supervisor = lab.work("queue", "--reload", "--health-file", str(alive))  # one child, supervised
    lab.until(alive.exists)
    supervisor.send_signal(signal.SIGUSR2)
    lab.until(lambda: "The worker is paused." in lab.said(supervisor))
    for _ in range(2):  # one that is waiting for jobs when it is told may still take one; the next turn does not
        seen = alive.stat().st_mtime_ns
        lab.until(lambda seen=seen: alive.stat().st_mtime_ns != seen)
    lab.queue.push("App\\Jobs\\X")
    supervisor.send_signal(signal.SIGCONT)
    lab.until(lambda: lab.notes("ended"))
    said = lab.said(supervisor)
    assert said.index("is paused") < said.index("is resumed") < said.index("RUNNING")
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0


def test_children_do_not_outlive_a_killed_supervisor(lab: Lab) -> None:
    held(lab, 2)
    supervisor = lab.work("queue", "--processes", "2")
    lab.until(lambda: len(lab.pids()) == 2)
    supervisor.kill()
    supervisor.wait(PATIENCE)
    lab.go()
    lab.until(lambda: lab.queue.reserved_size() == 0)
    assert len(lab.notes("ended")) == 2  # they finish what they have in hand
    lab.until(lambda: not any(is_alive(pid) for pid in lab.pids()))


def test_reload_starts_anew_when_a_file_changes(lab: Lab) -> None:
    module = lab.home / "edited_app.py"
    text = (HERE / "worker_app.py").read_text()
    module.write_text(text)
    supervisor = lab.start("work", "edited_app:queue", "--sleep", "1", "--reload", cwd=lab.home)
    lab.queue.push("App\\Jobs\\X")
    lab.until(lambda: len(lab.pids()) == 1)
    module.write_text(text + "\nsyntax error\n")
    lab.until(lambda: any("SyntaxError" in line for line in lab.told(supervisor)))
    assert supervisor.poll() is None
    module.write_text(text + "\n# mended\n")
    lab.queue.push("App\\Jobs\\X")
    lab.until(lambda: len(lab.pids()) == 2)
    supervisor.send_signal(signal.SIGTERM)
    assert supervisor.wait(PATIENCE) == 0
