"""The digest behind keys: `hashlib.blake2b` without the rest of hashlib, which loads OpenSSL."""

try:
    from _blake2 import blake2b  # where hashlib has it from; hashlib itself takes 3 ms
except ImportError:
    from hashlib import blake2b

__all__ = ["blake2b"]
