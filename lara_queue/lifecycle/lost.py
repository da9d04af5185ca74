"""Whether an exception says that a database is gone: by its text, as Laravel's worker tells.

A worker whose job failed of that stops after it (exit code 0), so that its supervisor starts it with fresh
connections. The texts are what database servers, drivers and proxies say; those of PHP's drivers are there too, because
jobs that call PHP pass them on. Mirrors ``Database/LostConnectionDetector.php``.
"""

from __future__ import annotations

from typing import Final

__all__ = ["is_lost_connection"]

_SIGNS: Final = (
    # the server or the network in between ended the connection
    *("server has gone away", "Server has gone away", "went away", "Lost connection", "Connection lost"),
    *("no connection to the server", "server closed the connection unexpectedly", "reset by peer", "Broken pipe"),
    *("Error while sending", "Error writing data to the connection", "Communication link failure"),
    *("connection is no longer usable", "Physical connection is not usable", "Channel connection is closed"),
    *("is dead or not enabled", "child connection forced to terminate due to client_idle_limit", "query_wait_timeout"),
    *("server is shutting down", "The connection is broken and recovery is not possible"),
    *("The client was disconnected by the server because of inactivity", "Packets out of order. Expected"),
    *("Adaptive Server connection failed", "Transaction() on null", "Resource deadlock avoided", "ORA-03114"),
    # it could not be made
    *("failed to connect to", "failed: Connection refused", "Temporary failure in name resolution"),
    *("Login timeout expired", "No such file or directory", "Unknown $curl_error_code: 77"),
    *("TCP Provider: Error code 0x68", "TCP Provider: Error code 0x274C"),
    "Server is in script upgrade mode. Only administrator can connect at this time.",
    "php_network_getaddresses: getaddrinfo failed: Try again",
    "php_network_getaddresses: getaddrinfo failed: Name or service not known",
    "php_network_getaddresses: getaddrinfo for",
    *("[2002] Connection refused", "[2002] Connection timed out", "[2002] Network is unreachable"),
    *("[2002] No connection could be made because", "[2002] A connection attempt failed because"),
    *("[2002] The requested address is not valid", "[2002] A socket operation was attempted to an unreachable network"),
    *("[2002] Operation now in progress", "[2002] Operation in progress", "[1045] Access denied for user"),
    "SQLSTATE[08006] [7] could not connect to server: Connection refused",
    "SQLSTATE[08006] [7] could not translate host name",
    # TLS broke
    *("SSL connection has been closed unexpectedly", "decryption failed or bad record mac"),
    "SSL error: unexpected eof",
    *("SSL SYSCALL error: EOF detected", "SSL SYSCALL error: No route to host", "SSL: Connection timed out"),
    *("SSL: Operation timed out", "SSL: Handshake timed out", "SSL error: sslv3 alert unexpected message"),
    *("SSL error: ssl/tls alert unexpected message", "unrecognized SSL error code:"),
    "SSL operation failed with code 5",
    # the server lives, but is no longer the one to write to
    *("running with the --read-only option so it cannot execute this statement", "General error: 3989"),
    *("SQLSTATE[25006]: Read only sql transaction: 7", "canceling statement due to conflict with recovery"),
    "General error: 1105 The last transaction was aborted due to Seamless Scaling. Please retry.",
    # proxies and hosted databases
    *("vtgate connection error: no healthy endpoints", "no healthy tablet available"),
    *("primary is not serving, there may be a reparent operation in progress", "current keyspace is being resharded"),
    *("transaction pool connection limit exceeded", "no primary available for branch"),
    *("no replica available for branch", "no running members available for branch", "failed to connect to upstream"),
    *("failed to send startup message", "failed to read startup message"),
)


def is_lost_connection(error: BaseException) -> bool:
    """True when the exception's text is one of a lost connection.

    A :class:`FileNotFoundError` is none, whatever it says: in Python it is about a file.

    >>> is_lost_connection(RuntimeError("MySQL server has gone away")), is_lost_connection(ValueError("no"))
    (True, False)
    """
    if isinstance(error, FileNotFoundError):
        return False
    try:
        text = str(error)
    except Exception:  # a broken __str__ says nothing
        return False
    return any(sign in text for sign in _SIGNS)
