"""Behaviours of Laravel's queue, held one by one: a test names the scenario's code, ``WK-09`` or ``test_wk_09_…``.

The codes are those of the scenarios that were drawn from Laravel's own tests (sections PL, RD, WK, RT, TO, SG, FJ, QS,
DL, CN, CX, LK). Those that no test names are here, each with its reason; ``test_complete.py`` holds that there is no
other.

Not applicable to a Python worker or producer
=====  ===============================================================================================================
CN-02  Routes are set in the PHP application's service provider and act in its dispatcher; the store shows the result
CN-05  The same for forwards; a queue object is one connection, and who pushes names the queue
CN-06  As CN-02; a queue that a typed job declares is held by PL-11
FJ-13  DynamoDB is not among the stores of failed jobs
LK-04  Nothing in a worker waits for a lock: unique and non-overlapping jobs try once and go on
QS-05  There is no listen mode: a Python worker that reloads code is ``work --reload``
RD-11  There is no driver for a Redis cluster, so hooks never see a tagged name (keys in braces: RD-10)
=====  ===============================================================================================================

Held where the thing itself is tested, once it is there
=====  ===============================================================================================================
QS-06  the tables for jobs, failed jobs and batches; Laravel 13's have an index on connection, queue and failed_at
=====  ===============================================================================================================

Not held yet
=====  ===============================================================================================================
RD-29  looking at the jobs of all queues at once: there is no such call; one for each named queue does it
=====  ===============================================================================================================
"""
