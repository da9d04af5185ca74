<?php

namespace App\Jobs;

use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Foundation\Bus\Dispatchable;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;

/**
 * A job that Laravel dispatches and Python runs: TranscribePodcast::dispatch(7, 'en')->onQueue('python').
 *
 * handle() is what a PHP worker would run if one took the job; give it to no PHP worker by keeping the queue apart.
 */
class TranscribePodcast implements ShouldQueue
{
    use Dispatchable, InteractsWithQueue, Queueable, SerializesModels;

    /** Sent along with every job and honoured by the Python worker. */
    public $tries = 5;

    public $backoff = [1, 5, 10];

    public $podcastId;

    public $language;

    public function __construct(int $podcastId, string $language)
    {
        $this->podcastId = $podcastId;
        $this->language = $language;
    }

    public function handle()
    {
        throw new \LogicException('This job is for the Python worker.');
    }
}
