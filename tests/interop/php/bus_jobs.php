<?php

/* Jobs of bus.php, which PHP's workers must know, too. */

declare(strict_types=1);

namespace App\Jobs;

use Illuminate\Bus\Batchable;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldBeUnique;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Queue\InteractsWithQueue;
use Illuminate\Queue\SerializesModels;
use Interop\Recorder;

/** A link of a chain or a member of a batch; one whose name begins with "bad" fails. */
class Step implements ShouldQueue
{
    use Batchable, InteractsWithQueue, Queueable, SerializesModels;

    public function __construct(public string $name)
    {
    }

    public function handle(): void
    {
        Recorder::add(['event' => 'step', 'name' => $this->name, 'queue' => $this->job->getQueue()]);
        if (str_starts_with($this->name, 'bad')) {
            throw new \RuntimeException("{$this->name} failed in PHP");
        }
    }
}

class OnlyOne implements ShouldBeUnique, ShouldQueue
{
    use InteractsWithQueue, Queueable, SerializesModels;

    public $uniqueFor = 600;

    public function __construct(public string $uniqueId)
    {
    }

    public function handle(): void
    {
        Recorder::add(['event' => 'step', 'name' => "only {$this->uniqueId}"]);
    }
}
