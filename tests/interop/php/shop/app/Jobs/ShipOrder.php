<?php

namespace Shop\Jobs;

use App\Models\User;
use Carbon\CarbonInterface;
use DateInterval;
use Illuminate\Contracts\Queue\ShouldBeUnique;
use Shop\Data\{Address, Line};
use Shop\Enums\Carrier;
use Shop\Enums\Priority as Urgency;

class ShipOrder extends ShopJob implements ShouldBeUnique
{
    public int $timeout = self::MINUTE * 2;

    public bool $failOnTimeout = true;

    private const MINUTE = 60;

    /**
     * @param  list<Line>  $lines
     * @param  array{int, float}  $size
     * @param  array<string, int|null>|null  $stock
     */
    public function __construct(
        public readonly int $orderId,
        public array $lines,
        public User $user,
        public Carrier $carrier = Carrier::Post,
        public ?Urgency $urgency = null,
        public ?Address $to = null,
        public ?CarbonInterface $shipAt = null,
        protected ?DateInterval $within = null,
        private string $pin = "none\n",
        protected array $size = [1, 2.5],
        public float|int|null $weight = null,
        public ?array $stock = null,
    ) {
        $this->onConnection('redis')->onQueue('shipping');
    }
}
