"""Everything that can happen, one small frozen class each, under the name to listen for.

Listeners are added with ``queue.on(name)`` and get the event object. They are told; they do not decide: what a
listener returns is ignored, and one that raises is logged and forgotten. Two may have their say all the same, as in
Laravel: one of ``worker.looping`` that returns False keeps the worker from taking a job this time, and one of
``job.processing`` that deletes or fails the job keeps its handler from running.

============================  ==================================  ==============================================
Name                          Fields                              When (Laravel's event)
============================  ==================================  ==============================================
job.queueing                  queue, payload, delay, connection,  before a job is stored (JobQueueing)
                              job
job.queued                    queue, payload, delay, id,          after it was stored (JobQueued)
                              connection, job
job.popping                   connection, queue                   about to look for a job (JobPopping)
job.popped                    job                                 one was taken (JobPopped)
job.processing                job                                 it is about to run (JobProcessing)
job.processed                 job                                 it ran, or had been deleted (JobProcessed)
job.released                  job, delay                          its handler released it (JobReleased)
job.exception_occurred        job, exception                      its handler raised (JobExceptionOccurred)
job.released_after_exception  job, delay, exception               it goes back after an exception (same name)
job.failed                    job, exception                      it is recorded as failed and gone (JobFailed)
job.timed_out                 job, timeout                        its time was up (JobTimedOut)
job.attempted                 job, exception                      one attempt is over (JobAttempted)
job.lease_lost                job                                 somebody else had taken it; nothing settled
job.returned                  job                                 given back unharmed, no attempt used
job.retry_requested           job                                 a failed job is about to go back to its queue
                                                                  (JobRetryRequested)
worker.starting               queues, connection, options         the worker begins (WorkerStarting)
worker.looping                queues, connection, options         about to look for work (Looping)
worker.idle                   queues, connection, options         there was none (WorkerIdle)
worker.interrupted            signal, queues, connection          TERM, INT or QUIT came (WorkerInterrupted)
worker.paused                 signal                              USR2 (WorkerPausing)
worker.resumed                signal                              CONT (WorkerResuming)
worker.queue_paused           connection, queue                   it saw a pause in the cache (WorkerQueuePaused)
worker.queue_resumed          connection, queue                   it saw the pause lifted (WorkerQueueResumed)
worker.unreachable            error                               the store went away
worker.recovered              seconds                             the store is back, after so many seconds
worker.stopping               reason, exit_code, jobs,            the worker ends (WorkerStopping)
                              last_job_at, memory, options
queue.paused                  connection, queue, seconds          a pause was left in the cache (QueuePaused)
queue.resumed                 connection, queue                   it was lifted (QueueResumed)
queues.paused                                                     a pause of all queues (QueuesPaused)
queues.resumed                                                    it was lifted (QueuesResumed)
queue.busy                    queue, size, connection             ``monitor`` found it too long (QueueBusy)
queue.failed_over             connection, queue, payload,         a store did not take a job, the next one is tried
                              exception                           (QueueFailedOver)
============================  ==================================  ==============================================

Those of batches and of unique and debounced jobs are in the table of :mod:`lara_queue.bus.events`.
"""

from lara_queue.events.base import Event
from lara_queue.events.jobs import (
    JobAttempted,
    JobEvent,
    JobExceptionOccurred,
    JobFailed,
    JobLeaseLost,
    JobPopped,
    JobPopping,
    JobProcessed,
    JobProcessing,
    JobQueued,
    JobQueueing,
    JobReleased,
    JobReleasedAfterException,
    JobRetryRequested,
    JobReturned,
    JobTimedOut,
    PushEvent,
)
from lara_queue.events.queues import QueueBusy, QueueFailedOver, QueuePaused, QueueResumed, QueuesPaused, QueuesResumed
from lara_queue.events.workers import (
    WorkerEvent,
    WorkerIdle,
    WorkerInterrupted,
    WorkerLooping,
    WorkerPaused,
    WorkerQueuePaused,
    WorkerQueueResumed,
    WorkerRecovered,
    WorkerResumed,
    WorkerStarting,
    WorkerStopping,
    WorkerUnreachable,
)

__all__ = [
    "Event",
    "JobAttempted",
    "JobEvent",
    "JobExceptionOccurred",
    "JobFailed",
    "JobLeaseLost",
    "JobPopped",
    "JobPopping",
    "JobProcessed",
    "JobProcessing",
    "JobQueued",
    "JobQueueing",
    "JobReleased",
    "JobReleasedAfterException",
    "JobRetryRequested",
    "JobReturned",
    "JobTimedOut",
    "PushEvent",
    "QueueBusy",
    "QueueFailedOver",
    "QueuePaused",
    "QueueResumed",
    "QueuesPaused",
    "QueuesResumed",
    "WorkerEvent",
    "WorkerIdle",
    "WorkerInterrupted",
    "WorkerLooping",
    "WorkerPaused",
    "WorkerQueuePaused",
    "WorkerQueueResumed",
    "WorkerRecovered",
    "WorkerResumed",
    "WorkerStarting",
    "WorkerStopping",
    "WorkerUnreachable",
]
