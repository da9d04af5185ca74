<?php

namespace Shop\Jobs;

use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;
use Interop\Recorder;
use Shop\Enums\Carrier;

/** As jobs were written before PHP 7.4: no types, the constructor tells. */
class RebuildIndex implements ShouldQueue
{
    use Dispatchable, InteractsWithQueue, Queueable;

    public $index;

    protected $languages = ['en', 'de'];

    /** @var string[] */
    public $fields;

    private $since;

    public $from;

    public $carriers = [Carrier::Post, Carrier::None];

    public $anything;

    /**
     * @param  string[]  $fields
     * @param  \DateTimeInterface|null  $since
     */
    public function __construct(string $index, array $fields, $since = null, int $from = 5)
    {
        $this->index = $index;
        $this->fields = $fields;
        $this->since = $since;
        $this->from = $from;
        $this->queue = 'indexing';
    }

    public function handle(): void
    {
        Recorder::object($this, $this->job);
    }
}
