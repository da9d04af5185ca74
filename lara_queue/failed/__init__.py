"""Where failed jobs are kept: Laravel's own tables and file, LaraQueue's Redis list, this process, or nowhere.

One class each, written once as plans (see :mod:`lara_queue.plans`); :func:`lara_queue.failed.connect.open_failed_store`
chooses by URL. Recording comes before the job is deleted, so after a crash in between it is done twice: every store
has one record of a uuid, the last.
"""
