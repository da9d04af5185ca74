"""Where jobs wait: one driver for each kind of store, imported when it is first used.

:func:`open_driver` takes what a user has (a URL, a redis-py client, a driver) and answers a driver for one face.
"""

from lara_queue.drivers.connect import open_driver
from lara_queue.drivers.settings import DriverSettings

__all__ = ["DriverSettings", "open_driver"]
