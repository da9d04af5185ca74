"""Everything about Laravel's payloads, and nothing that performs I/O.

:mod:`envelope` reads a payload, :mod:`command` opens the job object in it, :mod:`jobs` says what it means and
:mod:`people` turns it into plain Python. :mod:`build` is the way back, with :mod:`php_form` for values and
:mod:`json` for PHP's JSON. :mod:`binding` ties Python classes to PHP's, :mod:`fitting` fits values into them.
:mod:`encrypter`, :mod:`closures` and :mod:`context` are what their names say; :mod:`exceptions` writes a failure as
PHP does; :mod:`names` has every literal name.
"""
