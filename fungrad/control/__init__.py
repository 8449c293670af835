"""Primitives that contain programs: their rules are transforms of the programs inside.

Imports everything below: core, primitives, transforms, and the compiler at the first compiled call.
"""
