<?php

/*
 * A Laravel 8.83 application reduced to its queue, from Debian's php-illuminate-* packages.
 *
 * Every service is registered by Laravel's own service provider, so keys, payloads and worker behaviour are Laravel's.
 * Ours are only the container subclass (the packages ship no illuminate/foundation), the configuration array, and an
 * exception handler that records.
 *
 *     $app = Interop\boot(Interop\config_from_env());
 */

declare(strict_types=1);

// Laravel 8 predates PHP 8.2 and deprecates on almost every line; nothing of that is what the tests look at.
error_reporting(E_ALL & ~E_DEPRECATED & ~E_USER_DEPRECATED);
ini_set('display_errors', 'stderr');
ini_set('memory_limit', '1G');

foreach (['Bus', 'Cache', 'Console', 'Container', 'Database', 'Encryption', 'Events', 'Filesystem', 'Log', 'Queue', 'Redis'] as $part) {
    require_once "Illuminate/{$part}/autoload.php";
}

require_once __DIR__ . '/application.php';
require_once __DIR__ . '/tagged.php';
require_once __DIR__ . '/recorder.php';
require_once __DIR__ . '/support.php';
require_once __DIR__ . '/jobs.php';
require_once __DIR__ . '/receivers.php';
require_once __DIR__ . '/bus_jobs.php';
