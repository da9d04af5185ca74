"""The jobs of a Laravel application as Python classes.

Written by lara-queue make:python; edit the PHP instead. sha256:b72a9a3be2dfd8a0
"""

from __future__ import annotations

from dataclasses import dataclass, field

from lara_queue import php_class


@php_class("App\\Jobs\\TranscribePodcast")
@dataclass(frozen=True)
class TranscribePodcast:
    """The job of TranscribePodcast.php.

    Laravel pushes it with tries=5, backoff=[1, 5, 10]; what Python pushes says so
    itself.
    """

    podcast_id: int = field(metadata={"php": "podcastId"})
    language: str
