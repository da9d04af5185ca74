<?php

/*
 * Laravel's own worker, over the jobs of jobs.php and receivers.php.
 *
 * As a server, one command a line, answered when the worker has stopped (by default when the queues are empty):
 *
 *     php work.php --serve
 *     {"queues": "high,default", "options": {"tries": 3}, "config": {"prefix": "x_database_"}}
 *     {"ok": true, "status": 0, "records": [{"event": "handled", …}, {"event": "processed", …}]}
 *
 * As a process of its own, for tests that kill it or run it beside others; records go to a file as they happen:
 *
 *     INTEROP_CONFIG='{"prefix": …}' php work.php '{"queues": "default", "results": "/tmp/x.jsonl", "options": {…}}'
 */

declare(strict_types=1);

namespace Interop;

require __DIR__ . '/bootstrap.php';

use Illuminate\Queue\WorkerOptions;

const WORKER_OPTIONS = [
    'name' => 'default',
    'backoff' => 0,
    'memory' => 1024,
    'timeout' => 60,
    'sleep' => 0,
    'tries' => 1,
    'force' => false,
    'stop_when_empty' => true,
    'max_jobs' => 0,
    'max_time' => 0,
    'rest' => 0,
];

function work(Application $app, array $command): ?int
{
    $unknown = array_diff_key($given = $command['options'] ?? [], WORKER_OPTIONS + ['once' => false]);
    if ($unknown !== []) {
        throw new \InvalidArgumentException('Unknown worker options: ' . implode(', ', array_keys($unknown)));
    }
    $options = new WorkerOptions(...array_values(array_replace(WORKER_OPTIONS, array_diff_key($given, ['once' => true]))));
    // queue:work makes a new worker for each run; one that was told to quit would quit at once.
    $app->forgetInstance('queue.worker');
    $worker = $app['queue.worker']->setCache($app['cache.store']);
    $connection = $app['config']['queue.default'];
    $queues = $command['queues'] ?? $app['config']["queue.connections.{$connection}.queue"];

    return $worker->{$given['once'] ?? false ? 'runNextJob' : 'daemon'}($connection, $queues, $options);
}

if (($argv[1] ?? '') === '--serve') {
    $app = $config = null;
    serve(function (array $command) use (&$app, &$config): array {
        $wanted = $command['config'] ?? config_from_env();
        if ($app === null || $wanted !== $config) {
            Recorder::listen($app = boot($config = $wanted));
        }
        Recorder::take();

        return ['status' => work($app, $command), 'records' => Recorder::take()];
    });
} else {
    $command = json_decode($argv[1] ?? '{}', true, 512, JSON_THROW_ON_ERROR);
    Recorder::toFile($command['results'] ?? 'php://stdout');
    Recorder::listen($app = boot(config_from_env()));
    Recorder::add(['event' => 'started']);
    exit(work($app, $command) ?? 0);
}
