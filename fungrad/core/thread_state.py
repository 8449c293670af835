"""What each thread of Python is doing: the recording that takes its operations, and its checks."""

import threading


class _ThreadState(threading.local):
    recording = None
    checks_programs = False
    examine = None  # function of (program, inputs, outputs): looks at what was computed
    wrap_evaluator = None  # function of (program, evaluator): what evaluates inner programs


state = _ThreadState()

#: One entry per reason why some thread has `examine` set: a call that looks at no thread's state, as
#: it is quicker, looks whether this is empty.
examinations = []


#: One entry per open recording of any thread: a call that finds this empty need not look for one.
recordings = []


def hiding_recording():
    """The innermost recording around that hides its values, or None: what runs now stands for more.

    Where there is one, the function is being recorded for later runs, and what it does besides
    computing belongs to each of them.
    """
    recording = state.recording
    while recording is not None and not recording.hides_values:
        recording = recording.parent
    return recording
