<?php

/*
 * The classes an application's jobs are made of: enums, value objects, models, events.
 */

declare(strict_types=1);

namespace Illuminate\Foundation\Bus {
    // CallQueuedClosure uses this trait, which lives in illuminate/foundation. It has no properties: nothing of it is
    // on the wire.
    if (! trait_exists(Dispatchable::class)) {
        trait Dispatchable
        {
        }
    }
}

namespace {
    // Foundation's helper, with which a finished job sends the next one of its chain.
    if (! function_exists('dispatch')) {
        function dispatch(object $job): mixed
        {
            return \Illuminate\Container\Container::getInstance()->make(\Illuminate\Contracts\Bus\Dispatcher::class)->dispatch($job);
        }
    }
}

namespace App\Enums {
    enum Phase
    {
        case Draft;
        case Published;

        public const First = self::Draft;
    }

    enum Suit: string
    {
        case Hearts = 'H';
        case Clubs = 'C♣';
    }

    enum Level: int
    {
        case Low = -1;
        case High = 100;
    }
}

namespace App\Support {
    class Address
    {
        public ?Address $parent = null;

        public function __construct(public string $street, protected string $city, private string $zip)
        {
        }
    }

    class Customer
    {
        public array $tags = [];

        public function __construct(public string $name, public ?Address $home = null, public ?Address $work = null)
        {
        }
    }

    class BusinessCustomer extends Customer
    {
        private string $vat = 'IT-123';

        public ?Customer $contact = null;
    }

    class Node
    {
        public ?Node $next = null;

        public ?Node $previous = null;

        public function __construct(public string $label)
        {
        }
    }

    final class Point
    {
        public function __construct(public readonly float $x, public readonly float $y)
        {
        }
    }

    #[\AllowDynamicProperties]
    class Bag
    {
    }

    /** Chooses its own shape on the wire, with int and nested keys. */
    class Money
    {
        private int $cents;

        private string $currency;

        public function __construct(int $cents, string $currency)
        {
            [$this->cents, $this->currency] = [$cents, $currency];
        }

        public function __serialize(): array
        {
            return [$this->cents, 'currency' => $this->currency, 'meta' => ['v' => 2, 'none' => null]];
        }

        public function __unserialize(array $data): void
        {
            [$this->cents, $this->currency] = [$data[0], $data['currency']];
        }
    }

    /** The old interface, which writes `C:`. */
    class Legacy implements \Serializable
    {
        public function __construct(public string $raw)
        {
        }

        public function serialize(): ?string
        {
            return str_rot13($this->raw);
        }

        public function unserialize($data): void
        {
            $this->raw = str_rot13($data);
        }
    }

    /** Sends only what __sleep() names. */
    class Session
    {
        public string $token = 't0k3n';

        protected int $hits = 3;

        private string $user = 'ada';

        public string $cache = 'not sent';

        public function __sleep(): array
        {
            return ['user', 'hits', 'token'];
        }
    }

    /** Typed references: `$mirror` is bound to `$source` by the job that builds it. */
    class Linked
    {
        public mixed $source = null;

        public mixed $mirror = null;

        public mixed $other = null;
    }
}

namespace App\Models {
    use Illuminate\Database\Eloquent\Model;
    use Illuminate\Database\Eloquent\Relations\HasMany;

    class User extends Model
    {
        public $timestamps = false;

        protected $guarded = [];

        public function orders(): HasMany
        {
            return $this->hasMany(Order::class);
        }
    }

    class Order extends Model
    {
        public $timestamps = false;

        public $incrementing = false;

        protected $primaryKey = 'number';

        protected $keyType = 'string';

        protected $guarded = [];
    }
}

namespace App\Events {
    use App\Models\Order;
    use Illuminate\Queue\SerializesModels;

    class OrderShipped
    {
        use SerializesModels;

        public function __construct(public Order $order, protected string $carrier, public array $parcels = [])
        {
        }
    }

    class UserRegistered
    {
        public function __construct(public string $email, public ?\DateTimeInterface $at = null)
        {
        }
    }
}

namespace App\Listeners {
    use App\Events\OrderShipped;
    use App\Events\UserRegistered;
    use Illuminate\Contracts\Queue\ShouldQueue;
    use Illuminate\Queue\InteractsWithQueue;
    use Interop\Recorder;

    class SendShipmentNotice implements ShouldQueue
    {
        use InteractsWithQueue;

        public int $tries = 4;

        public array $backoff = [3, 9];

        public int $timeout = 45;

        public function handle(OrderShipped $event): void
        {
            Recorder::object($event, $this->job);
        }
    }

    class WelcomeUser implements ShouldQueue
    {
        use InteractsWithQueue;

        public function handle(UserRegistered $event): void
        {
            Recorder::object($event, $this->job);
        }
    }
}
