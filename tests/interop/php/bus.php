<?php

/*
 * Chains, batches, locks and limiters made and looked at by real Laravel, one command a process:
 *
 *     INTEROP_CONFIG='{"prefix": …, "sqlite": …}' php bus.php '{"op": "chain", …}'
 *
 * It prints one JSON line. The jobs are those of jobs.php; classes that only this file needs follow here.
 */

declare(strict_types=1);

namespace {
    require __DIR__ . '/bootstrap.php';
}

namespace Interop {
    use App\Jobs\Step;
    use App\Jobs\OnlyOne;
    use Illuminate\Bus\Batch;
    use Illuminate\Bus\UniqueLock;
    use Illuminate\Cache\RateLimiter;
    use Illuminate\Contracts\Bus\Dispatcher;
    use Throwable;

    $command = json_decode($argv[1], true, 512, JSON_THROW_ON_ERROR);
    $app = boot(config_from_env());
    $dispatcher = $app->make(Dispatcher::class);

    function step(array $given): Step
    {
        $job = new Step($given['name']);
        if (isset($given['queue'])) {
            $job->onQueue($given['queue']);
        }
        if (isset($given['connection'])) {
            $job->onConnection($given['connection']);
        }

        return $job;
    }

    function batch_row(?Batch $batch): ?array
    {
        return $batch === null ? null : [
            'id' => $batch->id, 'name' => $batch->name, 'total' => $batch->totalJobs, 'pending' => $batch->pendingJobs,
            'failed' => $batch->failedJobs, 'failed_ids' => $batch->failedJobIds, 'progress' => $batch->progress(),
            'finished' => $batch->finished(), 'cancelled' => $batch->cancelled(),
            'allows' => $batch->allowsFailures(), 'options' => array_keys($batch->options),
        ];
    }

    $answer = match ($command['op']) {
        'chain' => (function () use ($command, $dispatcher) {
            $jobs = array_map(step(...), $command['jobs']);
            $head = array_shift($jobs);
            $head->chain($jobs);
            if (isset($command['all_on_queue'])) {
                $head->allOnQueue($command['all_on_queue']);
            }
            if ($file = $command['catch_file'] ?? null) {
                // What PendingChain::catch does with a closure.
                $head->chainCatchCallbacks = [\Illuminate\Queue\SerializableClosureFactory::make(
                    static function (Throwable $e) use ($file) {
                        file_put_contents($file, 'catch: ' . $e->getMessage() . "\n", FILE_APPEND);
                    }
                )];
            }
            $dispatcher->dispatch($head);

            return [];
        })(),
        'batch' => (function () use ($command, $dispatcher) {
            $jobs = array_map(fn ($job) => isset($job['name']) ? step($job) : array_map(step(...), $job), $command['jobs']);
            $batch = $dispatcher->batch($jobs)->name($command['name'] ?? '');
            foreach (['then', 'catch', 'finally'] as $kind) {
                if (($file = $command['callback_file'] ?? null) && ($command['two_parameters'] ?? false)) {
                    $batch->$kind(static function (Batch $batch, ?Throwable $e) use ($file, $kind) {
                        file_put_contents($file, "{$kind}: " . ($e === null ? 'no error' : 'error') . "\n", FILE_APPEND);
                    });
                } elseif ($file) {
                    $batch->$kind(static function (Batch $batch, ?Throwable $e = null) use ($file, $kind) {
                        file_put_contents($file, "{$kind}: {$batch->pendingJobs}/{$batch->failedJobs} " . ($e?->getMessage() ?? '-') . "\n", FILE_APPEND);
                    });
                }
            }
            if ($command['allow_failures'] ?? false) {
                $batch->allowFailures();
            }
            if (isset($command['queue'])) {
                $batch->onQueue($command['queue']);
            }

            return ['batch' => batch_row($batch->dispatch())];
        })(),
        'find' => ['batch' => batch_row($app->make(\Illuminate\Bus\BatchRepository::class)->find($command['id']))],
        'call' => (function () use ($app, $command) {
            $batch = $app->make(\Illuminate\Bus\BatchRepository::class)->find($command['id']);
            for ($n = 0; $n < $command['times']; $n++) {
                $batch->options[$command['kind']][0]($batch, null);
            }

            return [];
        })(),
        'cancel' => (function () use ($app, $command) {
            $app->make(\Illuminate\Bus\BatchRepository::class)->find($command['id'])->cancel();

            return [];
        })(),
        'unique' => ['taken' => (new UniqueLock($app['cache.store']))->acquire(new OnlyOne($command['id']))],
        'lock' => ['taken' => $app['cache.store']->lock($command['name'], 60)->get()],
        'hit' => ['hits' => (new RateLimiter($app['cache.store']))->hit($command['key'], $command['decay'])],
        'too_many' => ['blocked' => (new RateLimiter($app['cache.store']))->tooManyAttempts($command['key'], $command['max'])],
        'redis_acquire' => ['allowed' => (new \Illuminate\Redis\Limiters\DurationLimiter($app['redis']->connection(), $command['key'], $command['max'], $command['decay']))->acquire()],
        'dispatch' => (function () use ($command, $dispatcher) {
            $job = new $command['class'](...$command['arguments']);
            foreach ($command['through'] ?? [] as [$class, $arguments]) {
                $job->middleware[] = new $class(...$arguments);
            }
            $dispatcher->dispatch($job);

            return [];
        })(),
    };
    echo json_encode(['ok' => true] + $answer), "\n";
}
