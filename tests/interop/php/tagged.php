<?php

declare(strict_types=1);

namespace Interop;

use Closure;
use DateTimeInterface;
use ReflectionProperty;
use ReflectionReference;
use Serializable;
use UnitEnum;

/**
 * Describes live PHP values in JSON without losing their types, the referee of every comparison.
 *
 * The format is that of the golden payloads: {"t": "int", "v": "7"} and so on; an object lists its properties with
 * visibility and declaring class, a repeated object or PHP reference is {"t": "ref", "to": path of the first}. One
 * instance describes one serialized value, because paths and repetitions belong to that value.
 */
final class Tagged
{
    /** @var array<int|string, string> path at which an object or a reference was first seen */
    private array $seen = [];

    /** @var object[] kept alive, so that PHP does not give their ids to other objects */
    private array $keep = [];

    /** @param string[] $without names of the root object's properties to leave out */
    private function __construct(private array $without = [])
    {
    }

    public static function value(mixed $value): array
    {
        return (new self)->tag($value, '$');
    }

    /** What a job holds ("props") and, when that differs, what serialize() writes of it ("wire"). */
    public static function job(object $job): array
    {
        $job = clone $job; // as Queue::createObjectPayload() does, which matters for a job that holds itself
        $described = ['class' => $job::class, 'props' => (new self)->properties($job, '$')];
        $wire = (new self)->tag($job, '$');
        if (isset($wire['custom'])) {
            $described['wire'] = $wire;
        }
        if (! empty($job->chained)) {
            $described['chain'] = array_map(
                fn (string $next): array => ['class' => ($link = unserialize($next))::class, 'props' => (new self)->properties($link, '$')],
                $job->chained
            );
        }

        return $described;
    }

    /** What a job that was handed to a worker holds; $job->job is the worker's own. */
    public static function received(object $job): array
    {
        return ['class' => $job::class, 'props' => (new self(['job']))->properties($job, '$')];
    }

    private function tag(mixed $value, string $path): array
    {
        return match (true) {
            $value === null => ['t' => 'null'],
            is_bool($value) => ['t' => 'bool', 'v' => $value],
            is_int($value) => ['t' => 'int', 'v' => (string) $value],
            is_float($value) => ['t' => 'float', 'v' => substr(serialize($value), 2, -1), 'hex' => bin2hex(pack('E', $value))],
            is_string($value) => self::text($value),
            is_array($value) => ['t' => 'array', 'v' => $this->items($value, $path)],
            default => $this->object($value, $path),
        };
    }

    private static function text(string $value): array
    {
        return mb_check_encoding($value, 'UTF-8') ? ['t' => 'str', 'v' => $value] : ['t' => 'bytes', 'b64' => base64_encode($value)];
    }

    private function items(array $array, string $path): array
    {
        $items = [];
        foreach ($array as $key => $_) {
            $step = mb_check_encoding((string) $key, 'UTF-8') ? str_replace(['~', '/'], ['~0', '~1'], (string) $key) : 'b64:' . base64_encode($key);
            $items[] = [is_int($key) ? ['t' => 'int', 'v' => (string) $key] : self::text($key), $this->slot($array, $key, "{$path}/{$step}")];
        }

        return $items;
    }

    /** One place in an array or a property table, which may be a PHP reference. */
    private function slot(array $table, int|string $key, string $path): array
    {
        $reference = ReflectionReference::fromArrayElement($table, $key);
        if ($reference === null) {
            return $this->tag($table[$key], $path);
        }
        if (is_object($table[$key])) {
            return $this->tag($table[$key], $path); // serialize() numbers the object; only R: or r: tells the slots apart
        }
        $id = 'R' . $reference->getId();
        if (isset($this->seen[$id])) {
            return ['t' => 'ref', 'kind' => 'R', 'to' => $this->seen[$id]];
        }
        $this->seen[$id] = $path;

        return $this->tag($table[$key], $path);
    }

    private function object(object $object, string $path): array
    {
        $id = spl_object_id($object);
        if (isset($this->seen[$id])) {
            return ['t' => 'ref', 'kind' => 'r', 'to' => $this->seen[$id]];
        }
        $this->seen[$id] = $path;
        $this->keep[] = $object;
        if ($object instanceof UnitEnum) {
            $value = $object instanceof \BackedEnum ? ['value' => $this->tag($object->value, $path)] : [];

            return ['t' => 'enum', 'class' => $object::class, 'case' => $object->name] + $value;
        }
        if ($object instanceof Closure || $object instanceof \Laravel\SerializableClosure\SerializableClosure) {
            return ['t' => 'closure'];
        }
        $tagged = ['t' => 'object', 'class' => $object::class];
        if ($object instanceof DateTimeInterface) {
            $tagged['datetime'] = $object->format('Y-m-d\TH:i:s.uP');
        }
        if (method_exists($object, '__serialize')) {
            $data = $object->__serialize();

            return $tagged + ['custom' => '__serialize', 'data' => $this->items($data, "{$path}/@data")];
        }
        if ($object instanceof Serializable) {
            $data = $object->serialize();

            return $data === null ? ['t' => 'null'] : $tagged + ['custom' => 'Serializable', 'data' => self::text($data)];
        }
        if (method_exists($object, '__sleep')) {
            $names = $object->__sleep();
            $all = array_column($this->properties($object, $path), null, 'name');

            return $tagged + ['custom' => '__sleep', 'props' => array_map(fn (string $name): array => $all[$name], $names)];
        }

        return $tagged + ['props' => $this->properties($object, $path)];
    }

    /** The initialized properties in PHP's order, with visibility and, when it is another class, the declaring one. */
    private function properties(object $object, string $path): array
    {
        $this->seen += [spl_object_id($object) => $path];
        $this->keep[] = $object;
        $table = get_mangled_object_vars($object);
        $properties = [];
        foreach ($table as $mangled => $_) {
            $parts = explode("\0", (string) $mangled, 3);
            [$name, $scope] = count($parts) === 3 ? [$parts[2], $parts[1]] : [(string) $mangled, ''];
            if ($path === '$' && in_array($name, $this->without, true)) {
                continue;
            }
            $property = ['name' => $name, 'vis' => $scope === '' ? 'public' : ($scope === '*' ? 'protected' : 'private')];
            if ($property['vis'] === 'private' && $scope !== $object::class) {
                $property['class'] = $scope;
            }
            $property['value'] = $this->slot($table, $mangled, $path . '/' . str_replace(['~', '/'], ['~0', '~1'], $name));
            $properties[] = $property;
        }

        return $properties;
    }
}
