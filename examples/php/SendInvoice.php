<?php

namespace App\Jobs;

use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;

/**
 * The job that examples/push_to_php.py pushes. Put it at app/Jobs/SendInvoice.php.
 *
 * A property that Python leaves out keeps the default given here.
 */
class SendInvoice implements ShouldQueue
{
    use Dispatchable, InteractsWithQueue, Queueable, SerializesModels;

    public $number;

    public $lines = [];

    protected $currency = 'USD';

    private $pinCode;

    public function __construct(string $number, array $lines, string $currency = 'USD', ?int $pinCode = null)
    {
        $this->number = $number;
        $this->lines = $lines;
        $this->currency = $currency;
        $this->pinCode = $pinCode;
    }

    public function handle()
    {
        $cents = array_sum(array_column($this->lines, 'cents'));

        echo sprintf("Invoice %s: %.2f %s, PIN %s\n", $this->number, $cents / 100, $this->currency, $this->pinCode ?? 'none');
    }
}
