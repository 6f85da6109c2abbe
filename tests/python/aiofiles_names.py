"""Prints the public names of aiofiles, one a line: what its modules export, and the methods and attributes of the file
objects that it makes, as those of `file`.

`tests/python/aiofiles_names.txt` is what this prints with aiofiles 25.1.0.
"""

import aiofiles
import aiofiles.os
import aiofiles.tempfile
from aiofiles.tempfile import temptypes
from aiofiles.threadpool import binary, text

names = set()
for module in [aiofiles, aiofiles.os, aiofiles.os.path, aiofiles.tempfile]:
    prefix = module.__name__.replace("ospath", "os.path")
    names |= {f"{prefix}.{name}" for name in module.__all__ if name not in ("path", "tempfile")}
for module in [binary, text, temptypes]:
    for name, value in vars(module).items():
        if isinstance(value, type) and value.__module__ == module.__name__:
            names |= {f"file.{member}" for member in dir(value) if not member.startswith("_")}
print("\n".join(sorted(names)))
