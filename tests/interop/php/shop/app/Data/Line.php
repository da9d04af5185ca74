<?php

namespace Shop\Data;

final readonly class Line
{
    /**
     * @param  list<string>  $tags
     */
    public function __construct(public string $sku, public int $count = 1, public array $tags = [])
    {
    }
}
