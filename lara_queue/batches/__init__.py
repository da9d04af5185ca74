"""Where batches are kept: Laravel's table ``job_batches``, or this process. Only the rows and the rules of their
counts; what a batch means to a job is decided above. :func:`lara_queue.batches.connect.open_batch_store` chooses.
"""
