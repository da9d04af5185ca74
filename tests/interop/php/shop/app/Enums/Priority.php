<?php

namespace Shop\Enums;

enum Priority
{
    case Low;
    case High;
}
