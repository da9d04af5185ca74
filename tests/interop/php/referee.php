<?php
/*
 * One long-lived PHP process that says what PHP makes of serialized bytes. A line in, a line out, both base64:
 *
 *   in   the bytes
 *   out  "+" and serialize() of the value, when unserialize() accepts them
 *        "-" and PHP's notices, when it refuses them
 *        "?" and PHP's notices, when it refuses them because of what a class is; a reader without classes cannot know
 *
 * Classes are not instantiated (allowed_classes is false), so the verdict is on the format. Enums exist anyway: PHP needs them.
 */

namespace App\Enums {
    enum Suit: string { case Hearts = 'H'; case Spades = 'S'; case Clubs = 'C'; case Diamonds = 'D'; }
}

namespace {
    enum Suit { case Hearts; case Spades; }

    ini_set('serialize_precision', '-1');
    ini_set('memory_limit', '512M');
    error_reporting(E_ALL);

    const CLASS_DEPENDENT = '/Undefined constant|not found$|is not an enum|not an enum case|not allowed|Cannot instantiate/m';

    $notices = [];
    set_error_handler(function (int $level, string $message) use (&$notices): bool {
        $notices[] = $message;
        return true;
    });

    while (($line = fgets(STDIN)) !== false) {
        $data = base64_decode($line);
        $notices = [];
        $refused = false;
        try {
            $value = unserialize($data, ['allowed_classes' => false]);
            gc_collect_cycles(); // an array that a duplicate key replaced may still hold references
            $refused = $value === false && !str_starts_with($data, 'b:0;');
        } catch (Throwable $e) {
            $notices[] = get_class($e) . ': ' . $e->getMessage();
            $refused = true;
        }
        if (!$refused) {
            echo '+', base64_encode(serialize($value)), "\n";
        } else {
            $text = implode("\n", $notices);
            echo preg_match(CLASS_DEPENDENT, $text) ? '?' : '-', base64_encode($text), "\n";
        }
        unset($value);
    }
}
