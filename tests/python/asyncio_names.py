"""Prints the public names of asyncio, one a line: what a module of it exports, and the public methods and
attributes of its classes, each under the class that brings it in.

`tests/python/asyncio_names.txt` is the union of what this prints under 3.11, 3.13 and 3.14.
"""

import asyncio
import asyncio.subprocess
import inspect
import warnings

warnings.simplefilter("ignore")

# Set by __init__, so that no class has them.
INSTANCE = {
    "BaseEventLoop": ["slow_callback_duration"],
    "Condition": ["acquire", "release", "locked"],
    "IncompleteReadError": ["expected", "partial"],
    "LimitOverrunError": ["consumed"],
    "subprocess.Process": ["pid", "stdin", "stdout", "stderr"],
}
# Public, and not in __all__.
BESIDE = ["subprocess.PIPE", "subprocess.STDOUT", "subprocess.DEVNULL", "subprocess.Process", "TaskGroup"]


def public(cls):
    return {name for name in dir(cls) if not name.startswith("_")}


def members(name, cls):
    inherited = set()
    for base in cls.__mro__[1:]:
        if base.__name__ in asyncio.__all__ or base.__module__ == "builtins":
            inherited |= public(base)
    return (public(cls) - inherited) | set(INSTANCE.get(name, []))


names = {name for name in asyncio.__all__ if not name.startswith("_")} | set(BESIDE)
for name in sorted(names):
    value = asyncio
    for part in name.split("."):
        value = getattr(value, part)
    print(name)
    if inspect.isclass(value):
        for member in sorted(members(name, value)):
            print(f"{name}.{member}")
