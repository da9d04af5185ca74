"""Laravel's words in one place: payload keys, class names, and the properties that its traits bring.

What a single object consists of (a date, a closure, a model identifier) is spelled out where that object is read.
Beside each group stands the file of ``laravel/framework``, below ``src/Illuminate/``, that it mirrors; a name has
the versions that write it where not all of 8 to 13 do.
"""

from __future__ import annotations

from typing import Final

# --- Payload keys: Queue/Queue.php ---------------------------------------------------------------------------------
UUID: Final = "uuid"
DISPLAY_NAME: Final = "displayName"
JOB: Final = "job"
MAX_TRIES: Final = "maxTries"
MAX_EXCEPTIONS: Final = "maxExceptions"
FAIL_ON_TIMEOUT: Final = "failOnTimeout"  # 8.43 and later
BACKOFF: Final = "backoff"
TIMEOUT: Final = "timeout"
RETRY_UNTIL: Final = "retryUntil"
TIMEOUT_AT: Final = "timeoutAt"  # written by 5 and 6, still read by 8
DELETE_WHEN_MISSING_MODELS: Final = "deleteWhenMissingModels"  # 13
DATA: Final = "data"
CREATED_AT: Final = "createdAt"  # 12.11 and later
DELAY: Final = "delay"  # 12.11 and later; doubles as the retry backoff

# --- Payload keys: Queue/RedisQueue.php ----------------------------------------------------------------------------
ID: Final = "id"
ATTEMPTS: Final = "attempts"

# --- Payload key: Log/Context/ContextServiceProvider.php -----------------------------------------------------------
LOG_CONTEXT: Final = "illuminate:log:context"  # 11 and later
CONTEXT_DATA: Final = "data"
CONTEXT_HIDDEN: Final = "hidden"

# --- Hidden context of unique jobs: Foundation/Queue/InteractsWithUniqueJobs.php -----------------------------------
UNIQUE_CACHE_STORE: Final = "laravel_unique_job_cache_store"
UNIQUE_KEY: Final = "laravel_unique_job_key"
UNIQUE_LOCK_OWNER: Final = "laravel_unique_job_lock_owner"  # 13.24 and later

# --- Payload keys of Laravel Horizon: src/JobPayload.php of laravel/horizon ----------------------------------------
PUSHED_AT: Final = "pushedAt"
TAGS: Final = "tags"
TYPE: Final = "type"
SILENCED: Final = "silenced"

# --- Inside ``data`` of an object job: Queue/Queue.php -------------------------------------------------------------
COMMAND_NAME: Final = "commandName"
COMMAND: Final = "command"
BATCH_ID: Final = "batchId"  # 12.51 and later

CALL_QUEUED_HANDLER: Final = "Illuminate\\Queue\\CallQueuedHandler@call"  # Queue/CallQueuedHandler.php

# --- Commands of Laravel's own -------------------------------------------------------------------------------------
CALL_QUEUED_CLOSURE: Final = "Illuminate\\Queue\\CallQueuedClosure"  # Queue/CallQueuedClosure.php
CALL_QUEUED_LISTENER: Final = "Illuminate\\Events\\CallQueuedListener"  # Events/CallQueuedListener.php
INVOKE_QUEUED_CLOSURE: Final = "Illuminate\\Events\\InvokeQueuedClosure"  # Events/InvokeQueuedClosure.php
SEND_QUEUED_MAILABLE: Final = "Illuminate\\Mail\\SendQueuedMailable"  # Mail/SendQueuedMailable.php
SEND_QUEUED_NOTIFICATIONS: Final = "Illuminate\\Notifications\\SendQueuedNotifications"
BROADCAST_EVENT: Final = "Illuminate\\Broadcasting\\BroadcastEvent"  # Broadcasting/BroadcastEvent.php
UNIQUE_BROADCAST_EVENT: Final = "Illuminate\\Broadcasting\\UniqueBroadcastEvent"  # 9.22 and later
QUEUED_COMMAND: Final = "Illuminate\\Foundation\\Console\\QueuedCommand"  # Foundation/Console/QueuedCommand.php
CHAINED_BATCH: Final = "Illuminate\\Bus\\ChainedBatch"  # Bus/ChainedBatch.php, 10.31 and later

# --- Properties of the traits Queueable, InteractsWithQueue and Batchable ------------------------------------------
CONNECTION: Final = "connection"  # Bus/Queueable.php
QUEUE: Final = "queue"
MESSAGE_GROUP: Final = "messageGroup"  # 12.28.1 and later
GROUP: Final = "group"  # 12.27.0 to 12.28.0
DEDUPLICATOR: Final = "deduplicator"  # 12.32 and later
DEBOUNCE_OWNER: Final = "debounceOwner"  # 13.6 and later
UNIQUE_OWNER: Final = "uniqueLockOwner"  # 13.24 and later
AFTER_COMMIT: Final = "afterCommit"  # 8.19 and later
MIDDLEWARE: Final = "middleware"
CHAINED: Final = "chained"
CHAIN_CONNECTION: Final = "chainConnection"
CHAIN_QUEUE: Final = "chainQueue"
CHAIN_CATCH_CALLBACKS: Final = "chainCatchCallbacks"
JOB_WRAPPER: Final = "job"  # Queue/InteractsWithQueue.php; always null at push
FAKE_BATCH: Final = "fakeBatch"  # Bus/Batchable.php, private, 9.31 and later

# --- Closures: laravel/serializable-closure ------------------------------------------------------------------------
SERIALIZABLE_CLOSURE: Final = "Laravel\\SerializableClosure\\SerializableClosure"
UNSIGNED_CLOSURE: Final = "Laravel\\SerializableClosure\\UnsignedSerializableClosure"
SIGNED_SERIALIZER: Final = "Laravel\\SerializableClosure\\Serializers\\Signed"
NATIVE_SERIALIZER: Final = "Laravel\\SerializableClosure\\Serializers\\Native"

# --- Values that people see as something else ----------------------------------------------------------------------
MODEL_IDENTIFIER: Final = "Illuminate\\Contracts\\Database\\ModelIdentifier"  # Contracts/Database/ModelIdentifier.php
CARBON: Final = "Illuminate\\Support\\Carbon"  # Support/Carbon.php
COLLECTION: Final = "Illuminate\\Support\\Collection"  # Collections/Collection.php
LAZY_COLLECTION: Final = "Illuminate\\Support\\LazyCollection"  # Collections/LazyCollection.php
ELOQUENT_COLLECTION: Final = "Illuminate\\Database\\Eloquent\\Collection"  # Database/Eloquent/Collection.php
STRINGABLE: Final = "Illuminate\\Support\\Stringable"  # Support/Stringable.php
