"""What fungrad costs, beside JAX, PyTorch and autograd, with a goal for each workload.

Run by `python -m tests.speed`, never by pytest. A workload is one file of `workloads/`: its
docstring is its description, its `rows()` measures and returns rows of the table. It runs in a
process of its own; whatever is compared is measured in that process, in turns.
"""
