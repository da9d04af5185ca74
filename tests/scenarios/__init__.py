"""Behaviours of Laravel's queue, held one by one: a test names the scenario's code, ``WK-09`` or ``test_wk_09_…``.

The codes are those of the scenarios that were drawn from Laravel's own tests (sections PL, RD, WK, RT, TO, SG, FJ, QS,
DL, CN, CX, LK; and CH, BA, UQ, DE, OV, RL, TE, MW, EN, LI, MS, AC, DP, FO, SY). Those that no test names are here,
each with its reason; ``test_complete.py`` holds that there is no other.

Not applicable to a Python worker or producer
=====  ===============================================================================================================
AC-04  There is no after-commit setting of a queue or a class: who pushes names the transaction, or none
CN-02  Routes are set in the PHP application's service provider and act in its dispatcher; the store shows the result
CN-05  The same for forwards; a queue object is one connection, and who pushes names the queue
CN-06  As CN-02; a queue that a typed job declares is held by PL-11
FJ-13  DynamoDB is not among the stores of failed jobs
LI-05  As CN-02: PHP's dispatcher finds a listener's queue and connection, and the store shows the result
LI-10  PHP's event dispatcher takes a listener's lock; a Python push that finds a lock held is UQ-01
LI-13  Message groups are SQS's, for which there is no driver; a wrapper that carries one is read like any other
LK-04  Nothing in a worker waits for a lock: unique and non-overlapping jobs try once and go on
MS-06  Which connection a record is from only PHP knows when it serializes; an identifier here has one connection
QS-05  There is no listen mode: a Python worker that reloads code is ``work --reload``
RD-11  There is no driver for a Redis cluster, so hooks never see a tagged name (keys in braces: RD-10)
RL-17  Nothing in a worker waits for a limiter: a job over the limit goes back for as long as it takes (RL-02)
=====  ===============================================================================================================
"""
