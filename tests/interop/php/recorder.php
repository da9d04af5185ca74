<?php

declare(strict_types=1);

namespace Interop;

use Illuminate\Queue\Events\JobExceptionOccurred;
use Illuminate\Queue\Events\JobFailed;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;

/**
 * What the PHP worker saw, in order: one array for each job that ran and one for each thing the worker said about it.
 *
 * Kept in memory for the process that answers requests, or appended as JSON lines to a file for a worker that runs by
 * itself, so that nothing is lost when a test kills it.
 */
final class Recorder
{
    /** @var array<int, array<string, mixed>> */
    private static array $records = [];

    private static ?string $file = null;

    /** The job being run, for classes that do not take it with InteractsWithQueue. */
    private static ?object $current = null;

    public static function toFile(?string $file): void
    {
        self::$file = $file;
    }

    public static function add(array $record): void
    {
        if (self::$file === null) {
            self::$records[] = $record;

            return;
        }
        file_put_contents(self::$file, encode(['pid' => getmypid(), 'at' => microtime(true)] + $record) . "\n", FILE_APPEND | LOCK_EX);
    }

    public static function take(): array
    {
        [$records, self::$records] = [self::$records, []];

        return $records;
    }

    /** An object job is running: $object is the live job, $job Laravel's wrapper if it has taken it. */
    public static function object(object $object, ?object $job, array $more = []): void
    {
        self::add(['event' => 'handled'] + Tagged::received($object) + self::facts($job) + $more);
    }

    /** A string job is running. */
    public static function string(string $handler, object $job, mixed $data): void
    {
        self::add(['event' => 'handled', 'string_job' => $handler, 'data' => Tagged::value($data)] + self::facts($job));
    }

    /** What Laravel says of a job it hands out. */
    public static function facts(?object $job): array
    {
        $job ??= self::$current;
        if ($job === null) {
            return [];
        }

        return [
            'uuid' => $job->uuid(),
            'id' => $job->getJobId(),
            'queue' => $job->getQueue(),
            'attempts' => $job->attempts(),
            'name' => $job->getName(),
            'displayName' => $job->payload()['displayName'] ?? null,
            'options' => [
                'maxTries' => $job->maxTries(),
                'maxExceptions' => $job->maxExceptions(),
                'failOnTimeout' => $job->shouldFailOnTimeout(),
                'backoff' => $job->backoff(),
                'timeout' => $job->timeout(),
                'retryUntil' => $job->retryUntil(),
            ],
            'payload' => array_diff_key($job->payload(), ['data' => true]),
        ];
    }

    /** Note how each job ended. */
    public static function listen(Application $app): void
    {
        $app['events']->listen(JobProcessing::class, function (JobProcessing $event): void {
            self::$current = $event->job;
        });
        $app['events']->listen(JobProcessed::class, function (JobProcessed $event): void {
            self::add(['event' => 'processed', 'deleted' => $event->job->isDeleted(), 'released' => $event->job->isReleased()] + self::brief($event->job));
        });
        $app['events']->listen(JobExceptionOccurred::class, function (JobExceptionOccurred $event): void {
            self::add(['event' => 'exception_occurred', 'message' => $event->exception->getMessage()] + self::brief($event->job));
        });
        $app['events']->listen(JobFailed::class, function (JobFailed $event) use ($app): void {
            self::add(['event' => 'failed', 'class' => $event->exception::class, 'message' => $event->exception->getMessage()] + self::brief($event->job));
            // What queue:work does on this event (WorkCommand::logFailedJob); the null provider ignores it.
            $app['queue.failer']->log($event->connectionName, $event->job->getQueue(), $event->job->getRawBody(), $event->exception);
        });
    }

    private static function brief(object $job): array
    {
        return ['uuid' => $job->uuid(), 'queue' => $job->getQueue(), 'attempts' => $job->attempts(), 'displayName' => $job->resolveName()];
    }
}
