<?php

namespace Shop\Data;

final class Address
{
    public ?Address $billing = null;

    public function __construct(public readonly string $street, protected string $city, private string $code = '')
    {
    }
}
