"""The cache of machine code on disk, and the counters of what was compiled and what was loaded.

One file per compiled function, and one per program that says how its entry is called. Each is named
by the digest of all that its content depends on, so that files never change: a second process may
write the same file at the same time, and the last one wins. A file that cannot be read back exactly
as written is ignored and written anew. The least recently used files are removed when there are too
many.

The folder is `$FUNGRAD_CACHE_DIR`, else `$XDG_CACHE_HOME/fungrad`, else `~/.cache/fungrad`.
"""

import marshal
import os
import time
import warnings
from contextlib import suppress
from itertools import count
from pathlib import Path

from fungrad.core.digest import blake2b

MAXIMUM_FILES = 8192
MAXIMUM_BYTES = 256 * 2**20

_MAGIC = b"fungrad2"
_CHECKSUM_SIZE = 16
_SUFFIX = ".code"
_UNFINISHED = "tmp"  # how files begin that are being written
_DAY = 86400
_WRITES_BETWEEN_TRIMS = 256

_writes = count()
_warned = False


def folder():
    """The folder of the cache, as the environment says now."""
    if chosen := os.environ.get("FUNGRAD_CACHE_DIR"):
        return Path(chosen)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "fungrad"
    return Path.home() / ".cache" / "fungrad"


def load(key):
    """The (object code, details) saved under a key, or None. Never raises."""
    path = None
    try:
        path = folder() / (key + _SUFFIX)
        content = path.read_bytes()
        entry = _unpacked(key, content)
        if time.time() - path.stat().st_mtime > _DAY:
            os.utime(path)  # recently used; a day is exact enough, and a write per load is not free
    except FileNotFoundError:
        return None
    except (OSError, RuntimeError) as error:
        _warn(f"cannot read {path}: {error}")
        return None
    if entry is None:
        _warn(f"ignored a damaged file, {path}; it will be written anew")
    return entry


def save(key, code, details):
    """Save object code and its details (what marshal can hold) under a key. Never raises."""
    path = None
    try:
        path = folder() / (key + _SUFFIX)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{_UNFINISHED}{os.urandom(8).hex()}")
        try:
            with open(unfinished, "xb", opener=_for_the_user_alone) as file:
                file.write(_packed(key, code, details))
            os.replace(unfinished, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(unfinished)
            raise
        if next(_writes) % _WRITES_BETWEEN_TRIMS == 0:
            trim()
    except (OSError, RuntimeError) as error:
        _warn(f"cannot write {path}: {error}")


def _for_the_user_alone(path, flags):
    return os.open(path, flags, 0o600)


def trim(maximum_files=MAXIMUM_FILES, maximum_bytes=MAXIMUM_BYTES):
    """Remove the least recently used files beyond these bounds, and what crashes left behind."""
    files, now = [], time.time()
    with os.scandir(folder()) as listing:
        for item in listing:
            with suppress(OSError):
                status = item.stat()
                if item.name.endswith(_SUFFIX):
                    files.append((status.st_mtime, status.st_size, item.path))
                elif item.name.startswith(_UNFINISHED) and now - status.st_mtime > _DAY:
                    os.unlink(item.path)
    files.sort(reverse=True)
    total = 0
    for number, (_, size, path) in enumerate(files):
        total += size
        if number >= maximum_files or total > maximum_bytes:
            with suppress(OSError):
                os.unlink(path)


def clear():
    """Remove every file of the cache."""
    with suppress(OSError):
        for path in folder().glob(f"*{_SUFFIX}"):
            with suppress(OSError):
                path.unlink()


def _packed(key, code, details):
    head = marshal.dumps({"key": key, **details})
    body = len(head).to_bytes(4, "little") + head + code
    return _MAGIC + blake2b(body, digest_size=_CHECKSUM_SIZE).digest() + body


def _unpacked(key, content):
    start = len(_MAGIC) + _CHECKSUM_SIZE
    checksum, body = content[len(_MAGIC) : start], content[start:]
    if content[: len(_MAGIC)] != _MAGIC:
        return None
    if blake2b(body, digest_size=_CHECKSUM_SIZE).digest() != checksum:
        return None
    end = 4 + int.from_bytes(body[:4], "little")
    details = marshal.loads(body[4:end])
    return (body[end:], details) if details.pop("key") == key else None


def _warn(what):
    """Say it once per process: the cache is an aid, and programs run without it."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(f"fungrad's cache of compiled code: {what}", RuntimeWarning, stacklevel=2)
