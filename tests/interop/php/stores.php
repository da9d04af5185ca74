<?php

/*
 * Laravel's stores of failed jobs, cached values, locks and batches, one command a line:
 *
 *     {"op": "cache.put", "store": "database", "key": "a", "value": 5, "seconds": 60, "config": {…}, "database": {…}}
 *     {"ok": true, "answer": true}
 *
 * "config" is application.php's, "database" a connection's settings (the application's default connection), "failed"
 * the driver of failed jobs, "timezone" the application's. "artisan" runs a command in this process.
 */

declare(strict_types=1);

namespace Interop;

require __DIR__ . '/bootstrap.php';

use Illuminate\Bus\Batch;
use Illuminate\Bus\DatabaseBatchRepository;
use Illuminate\Bus\PendingBatch;
use Illuminate\Cache\Repository;
use Illuminate\Console\Application as Artisan;
use Illuminate\Contracts\Cache\Store;
use Illuminate\Queue\Console;
use Illuminate\Support\Str;
use Symfony\Component\Console\Input\ArrayInput;
use Symfony\Component\Console\Output\BufferedOutput;

final class Stores
{
    private ?Application $app = null;

    private mixed $made = null;

    public function answer(array $command): array
    {
        $this->use($command);
        [$what, $how] = explode('.', $command['op'] . '.');

        return ['answer' => match ($what) {
            'failed' => $this->failed($how, $command),
            'cache' => $this->cache($how, $command),
            'lock' => $this->lock($how, $command),
            'batch' => $this->batch($how, $command),
            'artisan' => $this->artisan($command['command'], $command['arguments'] ?? []),
            'pretty' => json_encode(json_decode($command['text']), JSON_PRETTY_PRINT),
            'uuid' => (string) Str::orderedUuid(),
        }];
    }

    private function use(array $command): void
    {
        date_default_timezone_set($command['timezone'] ?? 'UTC');
        $wanted = [$command['config'], $command['database'] ?? null, $command['failed'] ?? null];
        if ($wanted === $this->made) {
            return;
        }
        $app = boot($command['config']);
        if (isset($command['database'])) {
            $app['config']->set('database.connections.other', $command['database'] + ['prefix' => '']);
            $app['config']->set('database.default', 'other');
            $app['config']->set('queue.batching.database', 'other');
        }
        $app['config']->set('queue.failed', ['driver' => $command['failed'] ?? null, 'database' => $app['config']['database.default'], 'table' => 'failed_jobs']);
        $app->forgetInstance('queue.failer');
        $this->app = $app;
        $this->made = $wanted;
    }

    private function failed(string $how, array $command): mixed
    {
        $failer = $this->app['queue.failer'];

        return match ($how) {
            'log' => $failer->log($command['connection'], $command['queue'], $command['payload'], new \RuntimeException($command['message'], 0, new \LogicException('before it'))),
            'all' => $failer->all(),
            'find' => $failer->find($command['id']),
            'forget' => $failer->forget($command['id']),
            'flush' => $failer->flush(),
            'prune' => $failer->prune(new \DateTime('@' . $command['before'])),
        };
    }

    private function store(array $command): Store
    {
        $prefix = $command['prefix'] ?? '';

        return match ($command['store']) {
            'database' => new \Illuminate\Cache\DatabaseStore($this->app['db']->connection(), 'cache', $prefix),
            'file' => new \Illuminate\Cache\FileStore($this->app['files'], $command['path']),
            'redis' => (new \Illuminate\Cache\RedisStore($this->app['redis'], $prefix, 'cache'))->setLockConnection('default'),
        };
    }

    private function cache(string $how, array $command): mixed
    {
        $store = $this->store($command);
        $repository = new Repository($store);
        $key = $command['key'] ?? '';

        return match ($how) {
            'get' => $repository->get($key),
            'many' => array_values($repository->many($command['keys'])),
            'put' => $repository->put($key, $command['value'], $command['seconds'] ?? null),
            'add' => $repository->add($key, $command['value'], $command['seconds'] ?? null),
            'increment' => $repository->increment($key, $command['by'] ?? 1),
            'forget' => $repository->forget($key),
            'object' => $repository->put($key, new \App\Support\Address('Main', 'Rome', '00100'), 60),
            'zip' => (fn () => $this->zip)->call($repository->get($key)),
            'restart' => $this->run(new Console\RestartCommand($repository), []),
        };
    }

    private function lock(string $how, array $command): mixed
    {
        $lock = $this->store($command)->lock($command['name'], $command['seconds'] ?? 0, $command['owner'] ?? null);

        return match ($how) {
            'acquire' => (bool) $lock->acquire(),
            'release' => (bool) $lock->release(),
            'force' => $lock->forceRelease(),
            'owner' => (fn () => $this->getCurrentOwner())->call($lock),
        };
    }

    private function batch(string $how, array $command): mixed
    {
        $batches = $this->app->make(DatabaseBatchRepository::class);
        $id = $command['id'] ?? '';
        $show = fn (?Batch $batch): ?array => $batch === null ? null : [
            'id' => $batch->id,
            'name' => $batch->name,
            'total_jobs' => $batch->totalJobs,
            'pending_jobs' => $batch->pendingJobs,
            'failed_jobs' => $batch->failedJobs,
            'failed_job_ids' => $batch->failedJobIds,
            'options' => $batch->options,
            'created_at' => $batch->createdAt->getTimestamp(),
            'cancelled_at' => $batch->cancelledAt?->getTimestamp(),
            'finished_at' => $batch->finishedAt?->getTimestamp(),
        ];
        $counts = fn (object $counts): array => [$counts->pendingJobs, $counts->failedJobs];

        return match ($how) {
            'store' => $show($batches->store((new PendingBatch($this->app, collect()))->name($command['name'])->allowFailures()->onQueue($command['queue']))),
            'find' => $show($batches->find($id)),
            'all' => array_map($show, $batches->get($command['limit'], $command['before'] ?? null)),
            'add' => $batches->incrementTotalJobs($id, $command['count']),
            'success' => $counts($batches->decrementPendingJobs($id, $command['uuid'])),
            'failure' => $counts($batches->incrementFailedJobs($id, $command['uuid'])),
            'finish' => $batches->markAsFinished($id),
            'cancel' => $batches->cancel($id),
            'prune' => $batches->prune(new \DateTime('@' . $command['before'])),
        };
    }

    private function artisan(string $command, array $arguments): array
    {
        $artisan = new Artisan($this->app, $this->app['events'], '8.83');
        $artisan->resolveCommands([
            Console\FlushFailedCommand::class,
            Console\ForgetFailedCommand::class,
            Console\ListFailedCommand::class,
            Console\PruneBatchesCommand::class,
            Console\PruneFailedJobsCommand::class,
            Console\RetryBatchCommand::class,
            Console\RetryCommand::class,
        ]);

        return $this->run($artisan->find($command), $arguments);
    }

    private function run(\Illuminate\Console\Command $command, array $arguments): array
    {
        $command->setLaravel($this->app);
        $status = $command->run(new ArrayInput($arguments), $output = new BufferedOutput);

        return ['status' => $status, 'output' => $output->fetch()];
    }
}

$stores = new Stores;
serve(fn (array $command): array => $stores->answer($command));
