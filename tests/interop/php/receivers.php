<?php

/*
 * The jobs that Python pushes for PHP to run. They record what PHP put into their properties, or misbehave on demand.
 */

declare(strict_types=1);

namespace App\Jobs;

use App\Enums\Level;
use App\Enums\Phase;
use App\Enums\Suit;
use App\Models\User;
use App\Support\Customer;
use Carbon\CarbonImmutable;
use DateInterval;
use DateTimeImmutable;
use DateTimeInterface;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\Job;
use Illuminate\Contracts\Queue\ShouldBeEncrypted;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Database\Eloquent\Collection as Models;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;
use Illuminate\Support\Carbon;
use Illuminate\Support\Collection;
use Interop\Recorder;
use RuntimeException;
use Throwable;

class TakesAnything implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public $value = 'class default';

    public $extra = 'class default';
}

class TakesAnythingModels implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public $value = 'class default';

    public $extra = 'class default';
}

class TakesScalars implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public int $i;

    public float $f;

    public string $s;

    public bool $b;

    public ?string $n = 'not null';

    public array $a;

    public int|string $either;

    public iterable $more = [];
}

class TakesScalarsModels implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public int $i;

    public float $f;

    public string $s;

    public bool $b;

    public ?string $n = 'not null';

    public array $a;

    public int|string $either;

    public iterable $more = [];
}

class TakesHiddenBase implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    private string $key = 'base default';

    protected array $shared = [];
}

class TakesHidden extends TakesHiddenBase
{
    public string $open = 'default';

    protected string $secret = 'default';

    private string $key = 'default';

    private ?array $list = null;
}

class TakesHiddenModels implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public string $open = 'default';

    protected string $secret = 'default';

    private string $key = 'default';

    private ?array $list = null;
}

class TakesReadonly implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(public readonly int $id, protected readonly string $name, private readonly array $tags = [])
    {
    }
}

class TakesDates implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public Carbon $at;

    public ?DateTimeInterface $any = null;

    public ?DateTimeImmutable $until = null;

    public ?CarbonImmutable $fixed = null;

    public ?DateInterval $every = null;
}

class TakesEnums implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public Suit $suit;

    protected ?Level $level = null;

    private ?Phase $phase = null;

    public array $all = [];
}

class TakesObjects implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public Customer $customer;

    public ?Customer $other = null;

    public ?Collection $lines = null;
}

class TakesModels implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels;

    public User $user;

    public ?Models $users = null;

    public function handle(): void
    {
        Recorder::add([
            'event' => 'handled',
            'class' => self::class,
            'user' => $this->user->toArray(),
            'relations' => array_keys($this->user->getRelations()),
            'users' => $this->users?->pluck('name')->all(),
        ] + Recorder::facts($this->job));
    }
}

class TakesSecrets implements ShouldBeEncrypted, ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public $value;

    protected ?string $hidden = null;
}

class TakesNothing
{
    use RecordsItself;
}

/** Raises until it has been tried often enough. */
class Failing implements ShouldQueue
{
    use InteractsWithQueue, Queueable;

    public int $succeedOn = PHP_INT_MAX;

    public string $message = 'as told';

    public function handle(): void
    {
        Recorder::object($this, $this->job);
        if ($this->attempts() < $this->succeedOn) {
            throw new RuntimeException($this->message);
        }
    }

    public function failed(?Throwable $e): void
    {
        Recorder::add(['event' => 'failed_method', 'message' => $e?->getMessage()]);
    }
}

/** Puts itself back until it has been tried often enough. */
class Releasing implements ShouldQueue
{
    use InteractsWithQueue, Queueable;

    public int $until = 2;

    public int $wait = 0;

    public function handle(): void
    {
        Recorder::object($this, $this->job);
        if ($this->attempts() < $this->until) {
            $this->release($this->wait);
        }
    }
}

/** Fails itself, without an exception. */
class GivesUp implements ShouldQueue
{
    use InteractsWithQueue, Queueable;

    public function handle(): void
    {
        Recorder::object($this, $this->job);
        $this->fail(new RuntimeException('gave up'));
    }
}

class Slow implements ShouldQueue
{
    use InteractsWithQueue, Queueable;

    public int $milliseconds = 0;

    public int $n = 0;

    public function handle(): void
    {
        Recorder::object($this, $this->job);
        usleep($this->milliseconds * 1000);
    }
}

/** Laravel 4's kind of job: the worker calls a method with its wrapper and the data, and deletes nothing by itself. */
class Legacy
{
    public function fire(Job $job, mixed $data): void
    {
        Recorder::string('App\Jobs\Legacy@fire', $job, $data);
        $job->delete();
    }

    public function other(Job $job, mixed $data): void
    {
        Recorder::string('App\Jobs\Legacy@other', $job, $data);
        $job->delete();
    }

    public function release(Job $job, mixed $data): void
    {
        Recorder::string('App\Jobs\Legacy@release', $job, $data);
        $job->attempts() < 2 ? $job->release(0) : $job->delete();
    }

    public function fail(Job $job, mixed $data): void
    {
        Recorder::string('App\Jobs\Legacy@fail', $job, $data);
        throw new RuntimeException('legacy failure');
    }

    public function failed(mixed $data, ?Throwable $e): void
    {
        Recorder::add(['event' => 'failed_method', 'message' => $e?->getMessage(), 'data' => \Interop\Tagged::value($data)]);
    }
}
