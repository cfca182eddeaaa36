"""Work for a guard's child; imports nothing heavy, because every fresh child imports it."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from rayograph.errors import ImageFault


def work(item: Any, config: Any) -> Any:  # noqa: PLR0911, PLR0912
    """What the child does with an item: the item says."""
    match item:
        case int():
            return item * config
        case "pid":
            return os.getpid()
        case "fault":
            raise ImageFault("no good", fault="unsupported", hint="try another")
        case "error":
            raise KeyError("/secret/path")
        case "abort":
            os.abort()
        case "exit":
            os._exit(3)
        case "hang":
            threading.Event().wait()
        case "fill":
            return len(bytearray(4 << 30))
        case "print":
            print("noise", flush=True)  # noqa: T201
            return "printed"
        case ("once", path):
            # Dies the first time only, as when somebody kills the child from outside.
            try:
                os.open(path, os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                return "second time"
            os.kill(os.getpid(), signal.SIGKILL)
        case ("fifo", path):
            with open(path, "rb") as file:  # noqa: PTH123
                return file.read()
        case ("big", count):
            return bytes(count)
    return None
