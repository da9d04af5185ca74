<?php

namespace Shop\Enums;

enum Carrier: string
{
    case Post = 'post';
    case Courier = 'courier';
    case None = 'none';

    public const Usual = self::Post;
}
