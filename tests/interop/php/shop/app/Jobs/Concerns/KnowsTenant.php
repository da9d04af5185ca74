<?php

namespace Shop\Jobs\Concerns;

trait KnowsTenant
{
    public int $tenantId = 1;

    /** @var array<string, string> */
    protected array $context = [];

    public function of(int $tenantId): static
    {
        $this->tenantId = $tenantId;

        return $this;
    }
}
