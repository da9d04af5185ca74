"""The version, alone in a module so that building the package does not import it."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "2.0.0"
