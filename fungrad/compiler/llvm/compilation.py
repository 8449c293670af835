"""Several functions compiled together: while LLVM works on one, Python makes the text of the next.

LLVM works without the interpreter's lock, so its threads and the one that runs the passes share the
cores. Once there is no text left to make, that one compiles as well.
"""

import threading
from contextlib import suppress
from queue import Empty, PriorityQueue, SimpleQueue

from fungrad.compiler.execution import symbols
from fungrad.compiler.llvm import build, machine

_LOOPS = 8  # times as long as other code of the same length takes what is made fast
_END = (1, 0, None, None)


class Compilation:
    """A context that takes requests, each after those that it calls; `finish` returns the kernels.

    A thread starts with the first request that is neither in memory nor on disk, more of them with
    those that follow where there are cores for them.
    """

    def __init__(self):
        self._requests = []
        self._waiting = {}  # what is being compiled, by its key, in order
        self._jobs, self._codes = PriorityQueue(), SimpleQueue()  # what takes long comes first
        self._threads = 0

    def __enter__(self):
        for request in build.first_requests():
            self._ask(request)
        return self

    def __exit__(self, *exception):
        for _ in range(self._threads):
            self._jobs.put(_END)

    def add(self, request):
        """Ask for a function."""
        self._requests.append(request)
        self._ask(request)

    def _ask(self, request):
        if request.key in self._waiting:
            return
        calls_waiting = any(each.key in self._waiting for each in request.needs.values())
        if not calls_waiting and build.find(request) is not None:
            return
        self._start_thread()
        with build.explained(request):
            texts = request.texts()
        for other in symbols.requests(texts):
            self._ask(other)
        self._waiting[request.key] = request
        work = sum(map(len, texts)) * (_LOOPS if request.effort > 1 else 1)
        self._jobs.put((-work, len(self._waiting), request, texts))

    def _start_thread(self):
        if self._threads < max(1, machine.PLACES - 1):
            self._threads += 1
            threading.Thread(target=self._work, name="fungrad LLVM", daemon=True).start()

    def _work(self):
        """What a thread does: object code of texts, until the end.

        It imports nothing: a process that forks meanwhile does not inherit the lock of an import.
        """
        with suppress(Exception):  # what is wrong is said for each request
            machine.prepare()
        while (job := self._jobs.get()) is not _END:
            self._compile(*job[2:])

    def _compile(self, request, texts):
        try:
            code = machine.object_code(texts, request.exports, request.effort)
        except Exception as error:
            code = error
        self._codes.put((request.key, code))

    def finish(self):
        """The kernels of all requests, in their order."""
        with suppress(Empty):
            while True:
                self._compile(*self._jobs.get_nowait()[2:])
        codes = {}
        for key, request in self._waiting.items():
            while key not in codes:
                codes.update([self._codes.get()])
            with build.explained(request):
                if isinstance(codes[key], Exception):
                    raise codes[key]
                build.finished(request, *codes[key])
        return [build.built(request) for request in self._requests]
