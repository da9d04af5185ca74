<?php

namespace Shop\Jobs;

use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;
use Interop\Recorder;
use Shop\Jobs\Concerns\KnowsTenant;

/** What all jobs of the shop have in common. */
abstract class ShopJob implements ShouldQueue
{
    use InteractsWithQueue, KnowsTenant, Queueable, SerializesModels;

    public $tries = 3;

    public $backoff = [1, 5 * 2];

    public static int $made = 0;

    private string $lost = 'private to the parent';

    public function handle(): void
    {
        Recorder::object($this, $this->job);
    }
}
