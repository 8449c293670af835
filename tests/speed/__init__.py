"""What fungrad costs, beside JAX, PyTorch and autograd.

Run by `python -m tests.speed`, never by pytest. A file of `workloads/` is a program that is written
once for all libraries; its times are medians of calls that take turns in one process, its first
call and its memory those of fresh processes. A file of `costs/` measures what is not a program, such
as an import, and has a goal for each figure.
"""
