<?php

/*
 * Laravel 8's own worker over Redis or a database, counting its jobs like the other contestants:
 *
 *     BENCH_CONFIG='{"port": 6400, "connection": "redis"}' BENCH_JOBS=10000 BENCH_RESULT=/tmp/x php worker.php
 *
 * `php worker.php push` measures pushing instead. The application comes from tests/interop, which is Laravel's own
 * service providers and an array of configuration.
 */

declare(strict_types=1);

namespace {
    require __DIR__ . '/../../tests/interop/php/bootstrap.php';
}

namespace App\Jobs {
    use Illuminate\Bus\Queueable;
    use Illuminate\Contracts\Queue\ShouldQueue;
    use Illuminate\Queue\InteractsWithQueue;

    final class Meter
    {
        public static int $jobs = 0;
        public static float $begun = 0.0;
        public static float $cpu = 0.0;
        public static array $latencies = [];

        public static function cpu(): float
        {
            $used = getrusage();

            return $used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec'] + ($used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']) / 1e6;
        }

        public static function write(int $jobs): void
        {
            $found = [
                'jobs' => $jobs, 'seconds' => microtime(true) - self::$begun, 'cpu_seconds' => self::cpu() - self::$cpu,
                'peak_mib' => memory_get_peak_usage(true) / 1048576, 'latencies' => self::$latencies,
            ];
            file_put_contents(getenv('BENCH_RESULT') . '.part', json_encode($found));
            rename(getenv('BENCH_RESULT') . '.part', getenv('BENCH_RESULT'));
        }
    }

    class Bench implements ShouldQueue
    {
        use InteractsWithQueue, Queueable;

        public $id;
        public $email;
        public $name;
        public $amount;
        public $tags;
        public $address;
        public $paid;
        public $note;
        public $pushed;
        public $filler;

        public function handle(): void
        {
            if (++Meter::$jobs === 1) {
                Meter::$begun = microtime(true);
                Meter::$cpu = Meter::cpu();
            }
            if ($this->pushed) {
                Meter::$latencies[] = microtime(true) - $this->pushed;
            }
            if (Meter::$jobs === (int) getenv('BENCH_JOBS')) {
                Meter::write(Meter::$jobs);
                posix_kill(getmypid(), SIGTERM);
            }
        }
    }
}

namespace Interop {
    use App\Jobs\Bench;
    use App\Jobs\Meter;
    use Illuminate\Queue\WorkerOptions;

    $app = boot(json_decode(getenv('BENCH_CONFIG'), true));
    if (($argv[1] ?? '') === 'push' || ($argv[1] ?? '') === 'bulk') {
        $queue = $app['queue']->connection();
        $count = (int) getenv('BENCH_JOBS');
        $jobs = [];
        for ($i = 0; $i < $count; $i++) {
            $job = new Bench;
            foreach (json_decode(getenv('BENCH_DATA'), true) as $name => $value) {
                $job->$name = $value;
            }
            $jobs[] = $job;
        }
        Meter::$begun = microtime(true);
        Meter::$cpu = Meter::cpu();
        if ($argv[1] === 'bulk') {
            $queue->bulk($jobs, '', 'bench');
        } else {
            foreach ($jobs as $job) {
                $queue->pushOn('bench', $job);
            }
        }
        Meter::write($count);
        exit(0);
    }
    $worker = $app['queue.worker']->setCache($app['cache.store']);
    $options = new WorkerOptions('default', 0, 1024, 60, 1, 1, false, false, 0, 0, 0);
    exit($worker->daemon($app['config']['queue.default'], 'bench', $options));
}
