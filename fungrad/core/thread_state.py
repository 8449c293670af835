"""What each thread of Python is doing: the recording that takes its operations, and its checks."""

import threading


class _ThreadState(threading.local):
    recording = None
    checks_programs = False
    examine = None  # function of (program, inputs, outputs): looks at what was computed
    wrap_evaluator = None  # function of (program, evaluator): what evaluates inner programs


state = _ThreadState()
