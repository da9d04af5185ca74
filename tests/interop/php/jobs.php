<?php

/*
 * The jobs that PHP pushes for Python to take. Each runs in the PHP worker too, where it records what it holds.
 */

declare(strict_types=1);

namespace App\Jobs;

use App\Enums\Level;
use App\Enums\Phase;
use App\Enums\Suit;
use App\Models\Order;
use App\Models\User;
use App\Support\Customer;
use App\Support\Point;
use Carbon\CarbonImmutable;
use DateInterval;
use DateTimeImmutable;
use DateTimeInterface;
use Illuminate\Bus\Batchable;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldBeEncrypted;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Database\Eloquent\Collection as Models;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;
use Illuminate\Support\Carbon;
use Illuminate\Support\Collection;
use Interop\Recorder;

trait RecordsItself
{
    public function handle(): void
    {
        Recorder::object($this, $this->job ?? null);
    }
}

/** Carries any value, without SerializesModels: what serialize() does to it is what is on the wire. */
class Bare implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public function __construct(public $payload = null)
    {
    }
}

/** The class `make:job` writes (bar Dispatchable, which is Foundation's), with SerializesModels. */
class Skeleton implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(public $payload = null)
    {
    }
}

/** No trait, no interface, no property but its own. */
class Plain
{
    use RecordsItself;

    public function __construct(public int $id, public string $name, public ?float $ratio = null, public bool $flag = false)
    {
    }
}

class NoProperties
{
    use RecordsItself;
}

class BaseJob implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    private string $secret = 'base secret';

    private array $only = ['base' => true];

    protected ?string $shared = 'base shared';

    public static int $count = 7;

    public function __construct(private int $hidden = 42)
    {
    }
}

/** Parents' private properties, one of them under the same name as its own. */
class Visibility extends BaseJob
{
    public string $open = 'public';

    protected int $num = -7;

    private string $secret = 'child secret';

    private ?array $list = ['a', 'b'];

    protected ?string $shared = 'child shared';
}

class VisibilityModels extends BaseJob
{
    use SerializesModels;

    public string $open = 'public';

    protected int $num = -7;

    private string $secret = 'child secret';
}

class Typed implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public int $count;

    public float $price;

    public string $title;

    public bool $active;

    public ?string $note;

    public array $items;

    public int|string|null $either;

    protected iterable $more;

    public ?int $never; // stays uninitialized

    public function __construct(int $count, float $price, string $title, bool $active, ?string $note, array $items, int|string|null $either)
    {
        [$this->count, $this->price, $this->title, $this->active] = [$count, $price, $title, $active];
        [$this->note, $this->items, $this->either, $this->more] = [$note, $items, $either, [1.5, null]];
    }
}

class ReadonlyJob implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(
        public readonly int $id,
        protected readonly string $name,
        private readonly array $tags,
        public readonly ?Point $at = null,
    ) {
    }
}

class Dated implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(
        public Carbon $at,
        public DateTimeImmutable $until,
        public ?CarbonImmutable $maybe,
        public DateInterval $every,
        private DateTimeInterface $any,
    ) {
    }
}

class WithEnums implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(public Suit $suit, protected Level $level, private ?Phase $phase = null, public Suit|null $none = null)
    {
    }
}

class WithModels implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(
        public User $user,
        public ?Models $orders = null,
        protected ?Order $order = null,
        public ?User $nobody = null,
    ) {
    }
}

class Configured implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public int $tries = 5;

    public int $maxExceptions = 2;

    public $backoff = [1, 5, 10];

    public int $timeout = 120;

    public bool $failOnTimeout = true;

    public bool $deleteWhenMissingModels = true;

    public function __construct(public string $what)
    {
    }
}

class ConfiguredByMethods implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public function backoff(): int
    {
        return 30;
    }

    public function retryUntil(): DateTimeInterface
    {
        return Carbon::createFromTimestamp(4102444800); // 2100-01-01
    }

    public function displayName(): string
    {
        return 'nightly: Zoë’s report';
    }
}

class RetryUntilProperty implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public $retryUntil = 4102444801;

    public $tries = 0;
}

class Encrypted implements ShouldBeEncrypted, ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public function __construct(public string $secret, protected array $card)
    {
    }
}

class Batched implements ShouldQueue
{
    use Batchable, InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(public string $part)
    {
    }
}

/** Serializes itself by its own rules, as a job. */
class OwnFormat implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public function __construct(private array $state)
    {
    }

    public function __serialize(): array
    {
        return ['v' => 3, 0 => 'first', 'state' => $this->state];
    }

    public function __unserialize(array $data): void
    {
        $this->state = $data['state'];
    }
}

class SleepyFormat implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public string $kept = 'yes';

    public string $dropped = 'no';

    protected int $number = 9;

    public function __sleep(): array
    {
        return ['number', 'kept'];
    }
}

#[\AllowDynamicProperties]
class Dynamic implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public string $declared = 'here';
}

class Typedobjects implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(public Customer $customer, public Collection $lines, protected ?Customer $other = null)
    {
    }
}

/** A class name beyond ASCII; lengths on the wire are bytes. */
class Größe implements ShouldQueue
{
    use InteractsWithQueue, Queueable, RecordsItself;

    public string $überschrift = 'ümläut';

    protected string $ключ = 'значение';
}

class Link implements ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels, RecordsItself;

    public function __construct(public int $step, public string $label = '')
    {
    }
}
