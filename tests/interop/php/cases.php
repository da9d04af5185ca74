<?php

/*
 * Every payload shape that PHP pushes, by name. A case returns a job object, [string job, data] or an event.
 */

declare(strict_types=1);

namespace Interop;

use App\Enums\Level;
use App\Enums\Phase;
use App\Enums\Suit;
use App\Events\OrderShipped;
use App\Events\UserRegistered;
use App\Jobs;
use App\Jobs\Bare;
use App\Jobs\Skeleton;
use App\Models\Order;
use App\Models\User;
use App\Support;
use Carbon\CarbonImmutable;
use Carbon\CarbonInterval;
use Carbon\CarbonPeriod;
use DateInterval;
use DateTime;
use DateTimeImmutable;
use DateTimeZone;
use Illuminate\Queue\CallQueuedClosure;
use Illuminate\Queue\Middleware\WithoutOverlapping;
use Illuminate\Support\Carbon;
use Illuminate\Support\Fluent;
use Illuminate\Support\Stringable;

/** @return array<string, callable(): mixed> */
function cases(): array
{
    return values() + objects() + dates() + shapes() + options() + string_jobs() + wrapped();
}

/** Scalars and arrays, in a job that writes them as they are. */
function values(): array
{
    return [
        'null' => fn () => new Bare,
        'bool-null-mix' => fn () => new Bare([true, false, null, [null, [true]], 'x' => false]),
        'ints' => fn () => new Bare([0, 1, -1, 2 ** 31, -2 ** 31, 2 ** 53 + 1, PHP_INT_MAX, PHP_INT_MIN]),
        'floats' => fn () => new Bare([0.1, 1.0, -0.0, 1e100, 1.5e-7, 5e-324, 1 / 3, M_PI, PHP_FLOAT_MAX, 1e15, 123456789012345678.0]),
        'floats-special' => fn () => new Bare(['inf' => INF, 'minus' => -INF, 'nan' => NAN]),
        'list' => fn () => new Bare(['a', 'b', 'c']),
        'map' => fn () => new Bare(['to' => 'ada@example.com', 'count' => 3, 'ok' => true]),
        'map-order' => fn () => new Bare(['z' => 1, 'a' => 2, 'm' => 3, 'b' => 4]),
        'nested-arrays' => fn () => new Bare(['a' => ['b' => ['c' => [1, [2, [3, ['d' => []]]]]]], 'l' => [[], [[]], [[[]]]]]),
        'empty-array' => fn () => new Bare([]),
        'sparse-keys' => fn () => new Bare([3 => 'three', 0 => 'zero', -5 => 'minus', 7 => 'seven']),
        'numeric-string-keys' => fn () => new Bare(['1' => 'int', '01' => 'str', '-5' => 'int', '-0' => 'str', '1.5' => 'str', '9223372036854775807' => 'int', '9223372036854775808' => 'str', '' => 'empty', ' 1' => 'str']),
        'mixed-keys' => fn () => new Bare(['first', 'k' => 'named', 'second', true => 'replaced first index']),
        'one-based-list' => fn () => new Bare([1 => 'a', 2 => 'b']),
        'unicode' => fn () => new Bare(['Zoë', 'naïve café', '日本語', '👩‍👩‍👧‍👦 🎉', "line\u{2028}sep\u{2029}", "\u{FEFF}bom", "e\u{301}", "\u{10FFFF}", "\u{0}nul"]),
        'unicode-keys' => fn () => new Bare(['ключ' => 'значение', '🔑' => '🎁', "a\u{0}b" => 'nul key', 'é' => ['ß' => 'ſ']]),
        'tricky-strings' => fn () => new Bare(['"quoted"', "it's", 'back\\slash', '\\"', "\0*\0prot", "tab\tnl\ncr\r", '";i:1;}', 's:3:"abc";', 'O:8:"stdClass":0:{}', '</script>', '%s%d', '${x}', "\x7F\x01\x1F", '1', '1.5', 'true', 'null']),
        'empty-strings' => fn () => new Bare(['', ['' => ''], 'k' => '']),
        'long-string' => fn () => new Bare(str_repeat('0123456789abcdefghijklmnopqrstü☃', 3100)), // > 100 KiB
        'big-list' => fn () => new Bare(range(1, 3000)),
        'deep-array' => fn () => new Bare(array_reduce(range(1, 60), fn (array $inner, int $n): array => ['level' => $n, 'in' => $inner], [])),
    ];
}

/** Objects inside a job. */
function objects(): array
{
    return [
        'stdclass' => fn () => new Bare((object) ['a' => 1, 'inner' => (object) ['b' => [(object) []]], '0' => 'numeric', 'with space' => true]),
        'nested-objects' => function () {
            $home = new Support\Address('Main "St" 1', 'Köln', '50667');
            $home->parent = new Support\Address('', 'Region', '0');

            return new Bare(new Support\Customer('Zoë', $home));
        },
        'inherited-object' => function () {
            $firm = new Support\BusinessCustomer('ACME');
            $firm->contact = new Support\Customer('Bob');

            return new Bare(['firm' => $firm]);
        },
        'shared-object' => function () {
            $home = new Support\Address('Side', 'Rome', '00100');
            $bob = new Support\Customer('Bob', $home, $home);
            $bob->tags = [$home, 'x', $home];

            return new Bare([$bob, $bob]);
        },
        'cycle' => function () {
            [$a, $b] = [new Support\Node('a'), new Support\Node('b')];
            [$a->next, $a->previous, $b->next, $b->previous] = [$b, $b, $a, $a];

            return new Bare(['ring' => $a]);
        },
        'job-holds-itself' => function () {
            $job = new Bare;
            // In an object, not an array: Laravel serializes a clone, and PHP writes null for an array inside itself.
            $job->payload = new Support\Bag;
            [$job->payload->me, $job->payload->again] = [$job, $job];

            return $job;
        },
        'references' => function () {
            $n = 1;
            $list = ['x' => ['y']];
            $point = new Support\Point(0.5, -0.0);

            return new Bare([&$n, &$n, 'list' => &$list, 'same' => &$list, 'p' => $point, 'q' => $point, 'r' => [&$n]]);
        },
        'reference-properties' => function () {
            $linked = new Support\Linked;
            $linked->source = ['a' => 1];
            $linked->mirror = &$linked->source;
            $linked->other = new Support\Node('n');

            return new Bare([$linked, $linked->other]);
        },
        'enums' => fn () => new Bare(['suit' => Suit::Hearts, 'again' => Suit::Hearts, 'level' => Level::Low, 'phase' => Phase::Published, 'list' => [Phase::First, Suit::Clubs, Level::High]]),
        'own-serialize' => function () {
            $money = new Support\Money(1999, 'EUR');

            return new Bare([$money, 'same' => $money, 'other' => new Support\Money(-1, '¥')]);
        },
        'serializable-c' => fn () => new Bare(['old' => new Support\Legacy('räw;}"'), 'after' => new Support\Node('n')]),
        'sleep' => fn () => new Bare(new Support\Session),
        'readonly-object' => fn () => new Bare(new Support\Point(1.5, 0.1)),
        'dynamic-properties' => function () {
            $bag = new Support\Bag;
            foreach (['first' => 1, 'with space' => 2, '123' => 'numeric', 'ünï' => null] as $name => $value) {
                $bag->{$name} = $value;
            }

            return new Bare($bag);
        },
        'array-object' => fn () => new Bare(new \ArrayObject(['a' => 1, 'b' => [2]])),
        'spl' => function () {
            $storage = new \SplObjectStorage;
            $storage[$key = new Support\Node('key')] = ['info' => 1];
            $storage[new Support\Node('two')] = null;
            $list = new \SplDoublyLinkedList;
            $list->push('x');
            $list->push($key);

            return new Bare(['storage' => $storage, 'list' => $list, 'fixed' => \SplFixedArray::fromArray([1, 'b', null])]);
        },
        'collection' => fn () => new Bare(collect(['a', 'b', ['c' => collect([1, 2])]])),
        'collection-map' => fn () => new Bare(collect(['x' => 1, 'y' => collect()])),
        'support-objects' => fn () => new Bare([new Stringable('hello'), new Fluent(['a' => 1]), new \Illuminate\Support\HtmlString('<i>x</i>')]),
    ];
}

/** Everything about time. */
function dates(): array
{
    return [
        'carbon' => fn () => new Bare([
            'zone' => Carbon::parse('2024-05-06 07:08:09.123456', 'Asia/Tokyo'),
            'utc' => Carbon::parse('2020-02-29 23:59:59', 'UTC'),
            'offset' => Carbon::parse('2021-06-07 08:09:10+02:00'),
            'immutable' => CarbonImmutable::parse('1969-12-31 23:59:59.999999', 'America/New_York'),
            'plain' => \Carbon\Carbon::parse('2038-01-19 03:14:08', 'Europe/Berlin'),
        ]),
        'datetime' => fn () => new Bare([
            'zone' => new DateTime('2024-03-31 02:30:00', new DateTimeZone('Europe/Paris')),
            'immutable' => new DateTimeImmutable('2024-10-27 02:30:00.5', new DateTimeZone('Europe/Paris')),
            'offset' => new DateTimeImmutable('2000-01-01T00:00:00-03:30'),
            'abbreviation' => new DateTime('2010-01-01 12:00:00 EST'),
            'old' => new DateTimeImmutable('0099-01-02 03:04:05', new DateTimeZone('UTC')),
        ]),
        'carbon-shared' => function () {
            $at = Carbon::parse('2024-01-01', 'UTC');

            return new Bare([$at, $at]);
        },
        'date-interval' => fn () => new Bare(['plain' => new DateInterval('P1Y2M3DT4H5M6S'), 'diff' => (new DateTime('2024-01-01'))->diff(new DateTime('2024-03-01 12:00:00')), 'back' => (new DateTime('2024-01-02'))->diff(new DateTime('2024-01-01'))]),
        'carbon-interval' => fn () => new Bare(CarbonInterval::days(3)->hours(4)),
        'carbon-period' => fn () => new Bare(CarbonPeriod::create('2024-01-01', '1 day', '2024-01-03')),
        'time-zone' => fn () => new Bare([new DateTimeZone('Europe/Rome'), new DateTimeZone('+05:30')]),
        'dated-job' => fn () => new Jobs\Dated(
            Carbon::parse('2024-05-06 07:08:09', 'Asia/Tokyo'),
            new DateTimeImmutable('2024-12-31T23:59:59.000001+00:00'),
            null,
            new DateInterval('PT90S'),
            new DateTime('2024-02-29 00:00:00', new DateTimeZone('America/Sao_Paulo')),
        ),
    ];
}

/** Job classes: visibility, types, inheritance, SerializesModels. */
function shapes(): array
{
    return [
        'plain' => fn () => new Jobs\Plain(7, 'Podcast', 1.25, true),
        'no-properties' => fn () => new Jobs\NoProperties,
        'visibility' => fn () => new Jobs\Visibility(41),
        'visibility-models' => fn () => new Jobs\VisibilityModels(41),
        'typed' => fn () => new Jobs\Typed(3, 9.99, 'Titel', true, null, ['a' => [1]], 'either'),
        'readonly' => fn () => new Jobs\ReadonlyJob(1, 'ro', ['x', 'y'], new Support\Point(1.0, 2.5)),
        'skeleton' => fn () => new Skeleton(['a' => 1, 'list' => [1, 2], 'o' => new Support\Node('in')]),
        'skeleton-shared' => function () {
            $node = new Support\Node('shared');

            return new Skeleton([$node, $node, ['deep' => $node]]);
        },
        'enum-properties' => fn () => new Jobs\WithEnums(Suit::Clubs, Level::High, Phase::Draft),
        'typed-objects' => fn () => new Jobs\Typedobjects(new Support\Customer('C'), collect([new Support\Node('l1'), 2])),
        'model' => fn () => new Jobs\WithModels(User::find(2), null, Order::find('B-2')),
        'model-collection' => fn () => new Jobs\WithModels(User::with('orders')->find(1), Order::orderBy('number')->get()),
        'own-format-job' => fn () => new Jobs\OwnFormat(['x' => [1, 2], 'y' => null]),
        'sleepy-format-job' => fn () => new Jobs\SleepyFormat,
        'dynamic-job' => function () {
            $job = new Jobs\Dynamic;
            $job->later = ['added'];
            $job->{'odd name'} = 1;

            return $job;
        },
        'unicode-class' => fn () => new Jobs\Größe,
        'middleware' => function () {
            $job = new Bare('mw');
            $job->middleware = [(new WithoutOverlapping('user-1'))->releaseAfter(30)->expireAfter(180)];

            return $job;
        },
        'batched' => function () {
            $job = new Jobs\Batched('one');
            $job->batchId = '9b7f3b1e-0000-4000-8000-000000000000';

            return $job;
        },
    ];
}

/** What a job says about its own processing. */
function options(): array
{
    return [
        'configured' => fn () => new Jobs\Configured('properties'),
        'configured-by-methods' => fn () => new Jobs\ConfiguredByMethods,
        'retry-until-property' => fn () => new Jobs\RetryUntilProperty,
        'encrypted' => fn () => new Jobs\Encrypted('s3cr3t "ü"', ['number' => '4111', 'cvc' => 123]),
        'encrypted-binary' => fn () => new Jobs\Encrypted("\xFF\xFE\x00binary", ["\x80key" => "\xC3"]),
        'own-queue-properties' => fn () => (new Bare('q'))->onConnection('redis')->onQueue('somewhere')->afterCommit(),
        'chain' => fn () => (new Jobs\Link(1, 'first'))->chain([new Jobs\Link(2, 'second "q"'), (new Jobs\Link(3))->onQueue('z')]),
    ];
}

/** Class@method jobs: data is plain JSON. */
function string_jobs(): array
{
    return [
        'string-map' => fn () => ['App\Jobs\Legacy@fire', ['to' => 'ada', 'n' => 5, 'list' => [1, 2], 'none' => null, 'ok' => false]],
        'string-no-method' => fn () => ['App\Jobs\Legacy', ['a' => 1]],
        'string-other-method' => fn () => ['App\Jobs\Legacy@other', ['a' => ['b' => ['c' => 'd']]]],
        'string-empty-array' => fn () => ['App\Jobs\Legacy@fire', []],
        'string-empty-data' => fn () => ['App\Jobs\Legacy@fire', ''],
        'string-null' => fn () => ['App\Jobs\Legacy@fire', null],
        'string-scalar' => fn () => ['App\Jobs\Legacy@fire', 'just text'],
        'string-int' => fn () => ['App\Jobs\Legacy@fire', 42],
        'string-list' => fn () => ['App\Jobs\Legacy@fire', [1, 'two', 3.5, [4]]],
        'string-unicode' => fn () => ['App\Jobs\Legacy@fire', ['k/ey' => "ü☃👩‍👧 \u{2028} \" \\ / \x01\x7F"]],
        'string-numbers' => fn () => ['App\Jobs\Legacy@fire', ['pi' => M_PI, 'big' => PHP_INT_MAX, 'third' => 1 / 3, 'e' => 1e100, 'minus' => -0.5]],
    ];
}

/** Jobs that Laravel itself makes around something else. */
function wrapped(): array
{
    return [
        'listener' => fn () => new OrderShipped(Order::find('A-1'), 'DHL', [['kg' => 1.5]]),
        'listener-plain' => fn () => new UserRegistered('zoë@example.com', Carbon::parse('2024-05-06 07:08:09', 'UTC')),
        'closure' => function () {
            [$n, $name] = [5, 'Zoë'];

            return CallQueuedClosure::create(function () use ($n, $name): void {
                \Interop\Recorder::add(['event' => 'closure', 'n' => $n, 'name' => $name]);
            });
        },
    ];
}
