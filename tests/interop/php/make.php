<?php

/*
 * Dispatches and runs jobs whose classes were written or read by lara-queue make, one command a line:
 *
 *     {"op": "dispatch", "roots": {"Shop\\": "/tmp/x/app"}, "job": "new \\Shop\\Jobs\\Ship(7)", "config": {…}}
 *     {"ok": true, "payload": {…}}
 *     {"op": "work", "roots": {…}, "queues": "default", "config": {…}}
 *     {"ok": true, "records": [{"event": "handled", …}]}
 *
 * Classes are loaded as Composer loads them (PSR-4); a process can load each of them once.
 */

declare(strict_types=1);

namespace Interop;

require __DIR__ . '/bootstrap.php';

use Illuminate\Contracts\Bus\Dispatcher;
use Illuminate\Queue\Queue;
use Illuminate\Queue\WorkerOptions;

$roots = [];
spl_autoload_register(function (string $class) use (&$roots): void {
    foreach ($roots as $prefix => $folder) {
        $file = $folder . '/' . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
        if (str_starts_with($class, $prefix) && is_file($file)) {
            require_once $file;
        }
    }
});

$pushed = [];
Queue::createPayloadUsing(function (?string $connection, ?string $queue, array $payload) use (&$pushed): array {
    $pushed = ['connection' => $connection, 'queue' => $queue] + array_diff_key($payload, ['data' => true]);

    return [];
});

serve(function (array $command) use (&$roots, &$pushed): array {
    $roots = $command['roots'];
    $app = boot($command['config']);
    Recorder::listen($app);
    Recorder::take();
    if ($command['op'] === 'dispatch') {
        $app[Dispatcher::class]->dispatch(eval("return {$command['job']};"));

        return ['payload' => $pushed];
    }
    $options = new WorkerOptions('default', 0, 1024, 60, 0, 1, false, true);
    $app['queue.worker']->setCache($app['cache.store'])->daemon('redis', $command['queues'], $options);

    return ['records' => Recorder::take()];
});
