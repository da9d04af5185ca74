"""Both sides of a typed job from one of them: PHP classes from Python handlers, Python classes from PHP jobs.

``make:php`` describes handlers (:mod:`~lara_queue.codegen.php_shapes`) and writes the descriptions as PHP
(:mod:`~lara_queue.codegen.php_writer`). ``make:python`` reads PHP (:mod:`~lara_queue.codegen.php_reader`), works out
what Laravel sends of a class (:mod:`~lara_queue.codegen.jobs`) and writes that as Python. Everything here is from text
to text; :mod:`~lara_queue.codegen.files` alone touches the disk.
"""
