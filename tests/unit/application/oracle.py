"""Real PHP, with Laravel's own ``Str`` and ``Env`` where they are installed, as the judge of what we read."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import services_required

AUTOLOADERS = {name: Path(f"/usr/share/php/{name}/autoload.php") for name in ("Illuminate/Support", "Dotenv")}

_HEAD = """<?php error_reporting(0);
foreach (%s as $file) { require $file; }
$input = json_decode(stream_get_contents(STDIN), true);
foreach ($input['env'] as $name => $value) { putenv("$name=$value"); $_ENV[$name] = $value; $_SERVER[$name] = $value; }
class_alias('Illuminate\\\\Support\\\\Str', 'Str');
function below($at, $path) { return rtrim('/app/'.$at, '/').($path === '' ? '' : '/'.ltrim($path, '/')); }
function base_path($path = '') { return below('', $path); }
function database_path($path = '') { return below('database', $path); }
function storage_path($path = '') { return below('storage', $path); }
function tagged($value) {
    if (is_array($value)) {
        $pairs = [];
        foreach ($value as $key => $one) { $pairs[] = [$key, tagged($one)]; }
        return ['array', $pairs];
    }
    return is_object($value) ? ['object', get_class($value)] : [gettype($value), $value];
}
"""


def need(*packages: str) -> None:
    """Skip the test, or fail it where services are required, when PHP or one of its packages is missing."""
    missing = [name for name in packages if not AUTOLOADERS[name].exists()]
    if shutil.which("php") is None:
        missing.append("php")
    if missing and services_required():
        pytest.fail(f"required here and not installed: {missing}")
    if missing:
        pytest.skip(f"not installed: {missing}")


def run(code: str, value: Any) -> Any:
    """What a PHP program prints as JSON, given a value as JSON on its standard input."""
    done = subprocess.run(
        ["php", "-r", code.removeprefix("<?php ")], input=json.dumps(value), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def returned(sources: Sequence[str], env: Mapping[str, str] | None = None) -> list[Any]:
    """What each PHP file returns, types and key order kept; ``"error"`` for one that PHP refuses."""
    need("Illuminate/Support", "Dotenv")  # Laravel's env() reads by way of the latter
    autoload = json.dumps([str(AUTOLOADERS["Illuminate/Support"])])
    code = (
        _HEAD % autoload
        + """
    $out = [];
    foreach ($input['sources'] as $source) {
        $file = tempnam(sys_get_temp_dir(), 'lq'); file_put_contents($file, $source);
        try { $out[] = tagged((static fn () => require $file)()); } catch (Throwable $e) { $out[] = 'error'; }
        unlink($file);
    }
    echo json_encode($out, JSON_PRESERVE_ZERO_FRACTION | JSON_PARTIAL_OUTPUT_ON_ERROR);"""
    )
    answers: list[Any] = run(code, {"sources": list(sources), "env": dict(env or {})})
    return [untagged(one) for one in answers]


def untagged(tagged: Any) -> Any:
    """The value: arrays as dicts, objects as ``object``."""
    if tagged == "error":
        return "error"
    kind, value = tagged
    if kind == "array":
        return {key: untagged(one) for key, one in value}
    if kind == "object":
        return object
    return float(value) if kind == "double" else value


def exported(value: Any) -> str:
    """A cached configuration file as ``php artisan config:cache`` writes it."""
    if shutil.which("php") is None:
        need()
    export = "'<?php return '.var_export(json_decode(stream_get_contents(STDIN), true), true).';'.PHP_EOL"
    code = f"echo json_encode({export});"
    text: str = run(code, value)
    return text
