<?php

/*
 * Laravel's database queue on any server its connections reach, for tests and benchmarks of the `database` driver:
 *
 *     DATABASE='{"driver": "pgsql", "host": "127.0.0.1", …}' php database.php migrate
 *     DATABASE='{"driver": "sqlite", "database": "/tmp/x.sqlite"}' php database.php fill 1000
 *     DATABASE=… php database.php work            prints {"jobs": …, "began": …, "ended": …} when the queue is empty
 *     DATABASE=… php database.php run             the same, with a line {"uuid": …, "attempts": …} for each job
 *
 * With WAIT=1 a worker prints "ready" and begins when it is sent a line. `migrate` runs Laravel's own stubs: jobs, job_batches, failed_jobs, cache.
 */

declare(strict_types=1);

namespace App\Jobs {
    use Illuminate\Bus\Queueable;
    use Illuminate\Contracts\Queue\ShouldQueue;
    use Illuminate\Queue\InteractsWithQueue;

    require __DIR__ . '/bootstrap.php';

    final class Nothing implements ShouldQueue
    {
        use InteractsWithQueue, Queueable;

        public static int $count = 0;

        public static bool $tell = false;

        public function handle(): void
        {
            self::$count++;
            if (self::$tell) {
                fwrite(STDOUT, json_encode(['uuid' => $this->job->uuid(), 'attempts' => $this->attempts()]) . "\n");
            }
        }
    }
}

namespace Interop {
    use App\Jobs\Nothing;
    use Illuminate\Queue\WorkerOptions;

    $app = boot(config_from_env() + ['connection' => 'database']);
    $app['config']->set('database.connections.other', json_decode(getenv('DATABASE'), true, 512, JSON_THROW_ON_ERROR) + ['prefix' => '']);
    $app['db']->setDefaultConnection('other');

    switch ($argv[1]) {
        case 'migrate':
            migrate($app);
            if (! $app['db']->connection()->getSchemaBuilder()->hasTable('cache')) {
                $cache = dirname((new \ReflectionClass(\Illuminate\Cache\Console\CacheTableCommand::class))->getFileName()) . '/stubs/cache.stub';
                eval('?>' . file_get_contents($cache));
                $app->instance('schema', $app['db']->connection()->getSchemaBuilder());
                (new \CreateCacheTable)->up();
            }
            break;
        case 'fill':
            $app['queue']->bulk(array_fill(0, (int) $argv[2], new Nothing));
            break;
        case 'run':
        case 'work':
            Nothing::$tell = $argv[1] === 'run';
            $worker = $app['queue.worker'];
            if (getenv('WAIT')) {
                fwrite(STDOUT, "ready\n");
                fgets(STDIN);
            }
            $began = microtime(true);
            $worker->daemon('database', $argv[2] ?? 'default', new WorkerOptions('default', 0, 1024, 60, 0, 1, false, true));
            fwrite(STDOUT, json_encode(['jobs' => Nothing::$count, 'began' => $began, 'ended' => microtime(true)]) . "\n");
            break;
    }
}
