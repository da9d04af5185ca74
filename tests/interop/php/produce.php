<?php

/*
 * Pushes jobs as a Laravel application does, one command a line:
 *
 *     {"op": "push", "case": "floats", "queue": "default", "via": "push", "config": {"prefix": "x_database_"}}
 *     {"ok": true, "jobs": [{"uuid": …, "queue": …, "options": {…}, "expect": {…}}], "id": …}
 *
 * "via" is push, later (with "delay" in seconds, or "at" as a date), dispatch (through the bus, which obeys the job's
 * own queue and delay) or bulk. "expect" is what PHP says is in the job, see tagged.php.
 */

declare(strict_types=1);

namespace Interop;

require __DIR__ . '/bootstrap.php';
require __DIR__ . '/cases.php';

use App\Events\OrderShipped;
use App\Events\UserRegistered;
use App\Listeners;
use Illuminate\Contracts\Bus\Dispatcher;
use Illuminate\Queue\Queue;
use Illuminate\Support\Carbon;

final class Producer
{
    private ?Application $app = null;

    private ?array $config = null;

    private array $pushed = [];

    public function __construct()
    {
        // The hook sees the live job just before Laravel serializes it, whichever way it came.
        Queue::createPayloadUsing(function (?string $connection, ?string $queue, array $payload): array {
            $data = $payload['data'];
            $live = is_array($data) ? ($data['command'] ?? null) : null;
            $this->pushed[] = [
                'uuid' => $payload['uuid'],
                'connection' => $connection,
                'queue' => $queue,
                'options' => array_diff_key($payload, ['uuid' => true, 'data' => true]),
                'expect' => is_object($live) ? Tagged::job($live) : ['string_job' => $payload['job'], 'data' => Tagged::value($data)],
            ];

            return [];
        });
    }

    public function answer(array $command): array
    {
        $this->use($command['config'] ?? config_from_env());
        $this->pushed = [];

        return match ($command['op']) {
            'cases' => ['cases' => array_keys(cases())],
            'push' => ['id' => $this->push($command), 'case' => $command['case'], 'jobs' => $this->pushed],
            'bulk' => ['id' => $this->bulk($command), 'jobs' => $this->pushed],
            'raw' => ['id' => $this->app['queue']->pushRaw($command['payload'], $command['queue'] ?? null)],
            'sizes' => ['sizes' => array_map(fn (string $queue): int => $this->app['queue']->size($queue), $command['queues'])],
            'clear' => ['cleared' => $this->app['queue']->connection()->clear($command['queue'])],
        };
    }

    private function push(array $command): mixed
    {
        $made = self::make($command['case']);
        [$job, $data] = is_array($made) ? $made : [$made, ''];
        $queue = $command['queue'] ?? null;
        if ($job instanceof OrderShipped || $job instanceof UserRegistered) {
            $this->app['events']->dispatch($job);

            return null;
        }

        return match ($command['via'] ?? 'push') {
            'push' => $this->app['queue']->push($job, $data, $queue),
            'later' => $this->app['queue']->later(isset($command['at']) ? Carbon::parse($command['at']) : $command['delay'], $job, $data, $queue),
            'dispatch' => $this->app[Dispatcher::class]->dispatch($queue === null ? $job : $job->onQueue($queue)),
        };
    }

    private function bulk(array $command): mixed
    {
        return $this->app['queue']->bulk(array_map(fn (string $case): object => self::make($case), $command['cases']), '', $command['queue'] ?? null);
    }

    private static function make(string $case): mixed
    {
        return (cases()[$case] ?? throw new \InvalidArgumentException("There is no case {$case}."))();
    }

    private function use(array $config): void
    {
        if ($this->app !== null && $config === $this->config) {
            return;
        }
        $this->app = boot($config);
        $this->config = $config;
        $this->app['events']->listen(OrderShipped::class, Listeners\SendShipmentNotice::class);
        $this->app['events']->listen(UserRegistered::class, Listeners\WelcomeUser::class);
    }
}

$producer = new Producer;
serve(fn (array $command): array => $producer->answer($command));
