<?php

declare(strict_types=1);

namespace Interop;

use ArrayAccess;
use Illuminate\Container\Container;
use Illuminate\Contracts;
use Illuminate\Database\Eloquent\Model;
use Illuminate\Database\Schema\Blueprint;
use Illuminate\Support\Arr;
use Illuminate\Support\Facades\Facade;
use Throwable;

/** Dotted look-up over an array; illuminate/config is not among the packages that CI installs. */
final class Config implements ArrayAccess
{
    public function __construct(private array $items)
    {
    }

    public function get(string $key, mixed $default = null): mixed
    {
        return Arr::get($this->items, $key, $default);
    }

    public function set(string $key, mixed $value): void
    {
        Arr::set($this->items, $key, $value);
    }

    public function offsetExists(mixed $key): bool
    {
        return Arr::has($this->items, $key);
    }

    public function offsetGet(mixed $key): mixed
    {
        return $this->get($key);
    }

    public function offsetSet(mixed $key, mixed $value): void
    {
        $this->set($key, $value);
    }

    public function offsetUnset(mixed $key): void
    {
        $this->set($key, null);
    }
}

/** What the queue packages ask of Illuminate\Foundation\Application. */
final class Application extends Container
{
    public function isDownForMaintenance(): bool
    {
        return (bool) $this['config']['app.down'];
    }

    public function environment(string ...$names): bool|string
    {
        return $names === [] ? 'testing' : in_array('testing', $names, true);
    }

    public function runningUnitTests(): bool
    {
        return true;
    }

    public function basePath(string $path = ''): string
    {
        return __DIR__ . ($path === '' ? '' : "/{$path}");
    }

    public function storagePath(): string
    {
        return sys_get_temp_dir();
    }

    public function booted(callable $callback): void
    {
        $callback($this);
    }

    public function terminate(): void
    {
    }
}

/** Laravel's handler would log; ours keeps what the worker reported so that a test can read it. */
final class ExceptionHandler implements Contracts\Debug\ExceptionHandler
{
    public function report(Throwable $e): void
    {
        Recorder::add(['event' => 'exception', 'class' => $e::class, 'message' => $e->getMessage()]);
        if (getenv('INTEROP_DEBUG')) {
            fwrite(STDERR, $e . "\n");
        }
    }

    public function shouldReport(Throwable $e): bool
    {
        return true;
    }

    public function render($request, Throwable $e): void
    {
    }

    public function renderForConsole($output, Throwable $e): void
    {
        $output->writeln($e->getMessage());
    }
}

/** Settings of the process, as JSON in the environment; see DEFAULTS for the keys. */
function config_from_env(): array
{
    return json_decode(getenv('INTEROP_CONFIG') ?: '{}', true, 512, JSON_THROW_ON_ERROR);
}

const DEFAULTS = [
    'host' => '127.0.0.1',
    'port' => 6379,
    'username' => null,
    'password' => null,
    'db' => 0,
    'cache_db' => 1,
    'prefix' => 'laravel_database_',       // skeleton 8: Str::slug(APP_NAME, '_').'_database_'
    'cache_prefix' => 'laravel_cache',
    'app_key' => 'base64:a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=',
    'cipher' => 'AES-256-CBC',
    'sqlite' => ':memory:',
    'failed' => null,                      // null, "database-uuids" or "database"
    'connection' => 'redis',
    'queue' => 'default',
    'retry_after' => 90,
    'block_for' => null,
    'down' => false,
];

/** An application over one Redis, ready to push and to work. */
function boot(array $given): Application
{
    $unknown = array_diff_key($given, DEFAULTS);
    if ($unknown !== []) {
        throw new \InvalidArgumentException('Unknown settings: ' . implode(', ', array_keys($unknown)));
    }
    $with = $given + DEFAULTS;
    $app = new Application;
    Container::setInstance($app);
    Facade::clearResolvedInstances();
    Facade::setFacadeApplication($app);
    $app->instance('app', $app);
    $app->instance(Container::class, $app);
    $app->instance(Contracts\Container\Container::class, $app);
    $app->instance('config', new Config(settings($with)));
    foreach (PROVIDERS as $provider) {
        (new $provider($app))->register();
    }
    foreach (ALIASES as $abstract => $names) {
        foreach ($names as $name) {
            $app->alias($abstract, $name);
        }
    }
    $app->singleton(Contracts\Debug\ExceptionHandler::class, ExceptionHandler::class);
    Model::setConnectionResolver($app['db']);
    Model::setEventDispatcher($app['events']);
    migrate($app);

    return $app;
}

const PROVIDERS = [
    \Illuminate\Events\EventServiceProvider::class,
    \Illuminate\Log\LogServiceProvider::class,
    \Illuminate\Filesystem\FilesystemServiceProvider::class,
    \Illuminate\Encryption\EncryptionServiceProvider::class,
    \Illuminate\Database\DatabaseServiceProvider::class,
    \Illuminate\Redis\RedisServiceProvider::class,
    \Illuminate\Cache\CacheServiceProvider::class,
    \Illuminate\Bus\BusServiceProvider::class,
    \Illuminate\Queue\QueueServiceProvider::class,
];

// The part of Foundation\Application::registerCoreContainerAliases() that the queue needs.
const ALIASES = [
    'app' => [Contracts\Foundation\Application::class],
    'cache' => [\Illuminate\Cache\CacheManager::class, Contracts\Cache\Factory::class],
    'cache.store' => [\Illuminate\Cache\Repository::class, Contracts\Cache\Repository::class],
    'db' => [\Illuminate\Database\DatabaseManager::class, \Illuminate\Database\ConnectionResolverInterface::class],
    'encrypter' => [\Illuminate\Encryption\Encrypter::class, Contracts\Encryption\Encrypter::class],
    'events' => [\Illuminate\Events\Dispatcher::class, Contracts\Events\Dispatcher::class],
    'files' => [\Illuminate\Filesystem\Filesystem::class],
    'log' => [\Illuminate\Log\LogManager::class, \Psr\Log\LoggerInterface::class],
    'queue' => [\Illuminate\Queue\QueueManager::class, Contracts\Queue\Factory::class, Contracts\Queue\Monitor::class],
    'queue.connection' => [Contracts\Queue\Queue::class],
    'queue.failer' => [\Illuminate\Queue\Failed\FailedJobProviderInterface::class],
    'queue.worker' => [\Illuminate\Queue\Worker::class],
    'redis' => [\Illuminate\Redis\RedisManager::class, Contracts\Redis\Factory::class],
];

/** The configuration files of a Laravel 8 skeleton, as far as the queue reads them. */
function settings(array $with): array
{
    $server = ['host' => $with['host'], 'port' => $with['port'], 'password' => $with['password']];
    if ($with['username'] !== null) {
        $server['username'] = $with['username'];
    }

    return [
        'app' => ['name' => 'Laravel', 'key' => $with['app_key'], 'cipher' => $with['cipher'], 'down' => $with['down']],
        'logging' => ['default' => 'null', 'channels' => ['null' => ['driver' => 'monolog', 'handler' => \Monolog\Handler\NullHandler::class]]],
        'database' => [
            'default' => 'sqlite',
            'connections' => ['sqlite' => ['driver' => 'sqlite', 'database' => $with['sqlite'], 'prefix' => '']],
            'redis' => [
                'client' => 'phpredis',
                'options' => ['prefix' => $with['prefix']],
                'default' => $server + ['database' => $with['db']],
                'cache' => $server + ['database' => $with['cache_db']],
            ],
        ],
        'cache' => [
            'default' => 'redis',
            'prefix' => $with['cache_prefix'],
            'stores' => ['redis' => ['driver' => 'redis', 'connection' => 'cache', 'lock_connection' => 'default']],
        ],
        'queue' => [
            'default' => $with['connection'],
            'connections' => [
                'sync' => ['driver' => 'sync'],
                'redis' => [
                    'driver' => 'redis',
                    'connection' => 'default',
                    'queue' => $with['queue'],
                    'retry_after' => $with['retry_after'],
                    'block_for' => $with['block_for'],
                    'after_commit' => false,
                ],
                'database' => [
                    'driver' => 'database',
                    'table' => 'jobs',
                    'queue' => $with['queue'],
                    'retry_after' => $with['retry_after'],
                    'after_commit' => false,
                ],
            ],
            'failed' => ['driver' => $with['failed'], 'database' => 'sqlite', 'table' => 'failed_jobs'],
            'batching' => ['database' => 'sqlite', 'table' => 'job_batches'],
        ],
    ];
}

/** The tables of `queue:table`, `queue:batches-table` and `queue:failed-table` from Laravel's own stubs, and two models'. */
function migrate(Application $app): void
{
    $schema = $app['db']->connection()->getSchemaBuilder();
    $stubs = dirname((new \ReflectionClass(\Illuminate\Queue\Console\TableCommand::class))->getFileName()) . '/stubs';
    foreach (['jobs' => 'jobs', 'batches' => 'job_batches', 'failed_jobs' => 'failed_jobs'] as $stub => $table) {
        if ($schema->hasTable($table)) {
            continue;
        }
        $class = 'Create' . str_replace(' ', '', ucwords(str_replace('_', ' ', $table))) . 'Table';
        if (! class_exists($class, false)) {
            $source = str_replace(['{{table}}', '{{tableClassName}}'], [$table, substr($class, 6, -5)], file_get_contents("{$stubs}/{$stub}.stub"));
            eval('?>' . $source);
        }
        (new $class)->up();
    }
    if ($schema->hasTable('users')) {
        return;
    }
    $schema->create('users', function (Blueprint $table): void {
        $table->increments('id');
        $table->string('name');
    });
    $schema->create('orders', function (Blueprint $table): void {
        $table->string('number')->primary();
        $table->integer('user_id');
    });
    $app['db']->table('users')->insert([['name' => 'Ada'], ['name' => 'Grace'], ['name' => 'Zoë']]);
    $app['db']->table('orders')->insert([['number' => 'A-1', 'user_id' => 1], ['number' => 'B-2', 'user_id' => 2]]);
}

/** Answer JSON lines on standard input with JSON lines on standard output until the input ends. */
function serve(callable $answer): void
{
    while (($line = fgets(STDIN)) !== false) {
        try {
            $reply = ['ok' => true] + $answer(json_decode($line, true, 512, JSON_THROW_ON_ERROR));
        } catch (Throwable $e) {
            $reply = ['ok' => false, 'error' => ['class' => $e::class, 'message' => $e->getMessage(), 'at' => basename($e->getFile()) . ':' . $e->getLine()]];
        }
        fwrite(STDOUT, encode($reply) . "\n");
        fflush(STDOUT);
    }
}

function encode(mixed $value): string
{
    return json_encode($value, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS, 4096);
}
