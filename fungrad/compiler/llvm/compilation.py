"""Several functions compiled together: while LLVM works on one, Python makes the text of the next.

LLVM works without the interpreter's lock, so its thread and the one that runs the passes share two
cores; but only one thread at a time may be inside of it.
"""

import threading
from contextlib import suppress
from queue import SimpleQueue

from fungrad.compiler.llvm import build, machine


class Compilation:
    """A context that takes requests, each after those that it calls; `finish` returns the kernels.

    The thread starts with the first request that is neither in memory nor on disk.
    """

    def __init__(self):
        self._requests = []
        self._waiting = {}  # what is being compiled, by its key
        self._texts, self._codes = SimpleQueue(), SimpleQueue()
        self._thread = None

    def __enter__(self):
        for request in build.first_requests():
            self._ask(request)
        return self

    def __exit__(self, *exception):
        self._texts.put(None)

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
        self._waiting[request.key] = request
        if self._thread is None:
            self._thread = threading.Thread(target=self._compile, name="fungrad LLVM", daemon=True)
            self._thread.start()
        with build.explained(request):
            self._texts.put((request, request.texts()))

    def _compile(self):
        """What the thread does: object code of texts, in their order, until there is None.

        It imports nothing: a process that forks meanwhile does not inherit the lock of an import.
        """
        with suppress(Exception):  # what is wrong is said for each request
            machine.prepare()
        while (job := self._texts.get()) is not None:
            request, texts = job
            try:
                code = machine.object_code(texts, request.exports, request.effort)
            except Exception as error:
                code = error
            self._codes.put((request, code))

    def finish(self):
        """The kernels of all requests, in their order."""
        for _ in self._waiting:
            request, found = self._codes.get()
            with build.explained(request):
                if isinstance(found, Exception):
                    raise found
                build.finished(request, *found)
        return [build.built(request) for request in self._requests]
