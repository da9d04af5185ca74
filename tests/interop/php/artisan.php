<?php

/*
 * `php artisan` with the queue's commands, which are Laravel's own:
 *
 *     INTEROP_CONFIG='{"prefix": …, "failed": "database-uuids", "sqlite": "/tmp/x.sqlite"}' php artisan.php queue:retry all
 *
 * INTEROP_RESULTS names the file to which jobs run by queue:work record what they hold.
 */

declare(strict_types=1);

namespace Interop;

require __DIR__ . '/bootstrap.php';

use Illuminate\Console\Application as Artisan;
use Illuminate\Queue\Console;
use Symfony\Component\Console\Input\ArgvInput;
use Symfony\Component\Console\Output\ConsoleOutput;

Recorder::toFile(getenv('INTEROP_RESULTS') ?: '/dev/null');
$app = boot(config_from_env() + ['failed' => 'database-uuids']);

// Foundation\Providers\ArtisanServiceProvider makes the worker command by hand, because it takes the cache store.
$app->singleton(Console\WorkCommand::class, fn (Application $app) => new Console\WorkCommand($app['queue.worker'], $app['cache.store']));

$artisan = new Artisan($app, $app['events'], '8.83');
$artisan->resolveCommands([
    Console\ClearCommand::class,
    Console\FlushFailedCommand::class,
    Console\ForgetFailedCommand::class,
    Console\ListFailedCommand::class,
    Console\MonitorCommand::class,
    Console\PruneBatchesCommand::class,
    Console\PruneFailedJobsCommand::class,
    Console\RestartCommand::class,
    Console\RetryBatchCommand::class,
    Console\RetryCommand::class,
    Console\WorkCommand::class,
]);

try {
    exit($artisan->run(new ArgvInput, new ConsoleOutput));
} catch (\Throwable $e) {
    fwrite(STDERR, $e::class . ': ' . $e->getMessage() . "\n");
    exit(1);
}
