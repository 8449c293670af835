"""Progress bars of loops: what is counted by the loop, and shown by another thread."""

import sys
import threading
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, replace

_INTERVAL = 0.1  # seconds between two looks at a counter
_WIDTH = 24


@dataclass(frozen=True)
class Progress:
    """A loop that reports its turns under a title."""

    title: str

    @property
    def backward(self):
        """The report of the loop that undoes this one."""
        return replace(self, title=f"{self.title}, backward")

    def __str__(self):
        return repr(self.title)

    def bar(self, total, start=None):
        """A bar for so many turns (None: nobody knows): tqdm's where it is installed.

        `start` is the time of `time.monotonic` at which the loop began, now by default.
        """
        start = time.monotonic() if start is None else start
        try:
            with warnings.catch_warnings():  # notebooks without widgets get a bar of text
                warnings.simplefilter("ignore")
                from tqdm.auto import tqdm
        except ImportError:
            return PlainBar(self.title, total, start=start)
        return TqdmBar(tqdm(total=total, desc=self.title), start)

    def turns(self, numbers, total=None):
        """The numbers one after another, the bar following."""
        with counting(self, total) as turn:
            for number in numbers:
                yield number
                turn()

    @staticmethod
    @contextmanager
    def watching(meters, counters):
        """Within this context a thread shows counters that compiled code writes.

        `meters` are pairs of a Progress and the number of turns or None; `counters` is an int64 array
        with an element for each. Writing costs the loop a store per turn, and reading nothing.
        """
        counters[:] = 0
        ended = threading.Event()
        bars = [None] * len(meters)
        idle = [time.monotonic()] * len(meters)  # when they were last seen without a turn

        def look():
            for k, (progress, total) in enumerate(meters):
                done = int(counters[k])
                if done or bars[k] is not None:
                    bars[k] = bars[k] or progress.bar(total, idle[k])
                    bars[k].show(done)
                else:
                    idle[k] = time.monotonic()

        def follow():
            while not ended.wait(_INTERVAL):
                look()

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            look()
            for bar in bars:
                if bar is not None:
                    bar.close()


@contextmanager
def counting(progress, total=None):
    """Within this context a bar follows the calls of what it gives; none without a Progress."""
    if progress is None:
        yield lambda: None
        return
    bar, last, done = progress.bar(total), time.monotonic(), 0

    def turn():
        nonlocal last, done
        done += 1
        if time.monotonic() - last > _INTERVAL:
            bar.show(done)
            last = time.monotonic()

    try:
        yield turn
    finally:
        bar.show(done)
        bar.close()


class TqdmBar:
    """A bar of tqdm."""

    def __init__(self, bar, start):
        self.bar = bar
        bar.start_t = bar.last_print_t = bar.start_t - (time.monotonic() - start)

    def show(self, done):
        """Let the bar stand at so many turns; fewer than before are those of a new loop."""
        if done < self.bar.n:
            self.bar.reset()
        self.bar.update(done - self.bar.n)

    def close(self):
        """Leave the bar as it is."""
        self.bar.close()


class PlainBar:
    """A line on standard error that is written again and again."""

    def __init__(self, title, total, stream=None, start=None):
        self.title, self.total = title, total
        self.stream = stream or sys.stderr
        self.start = time.monotonic() if start is None else start
        self.shown = -1

    def show(self, done):
        """Write the line for so many turns."""
        if done == self.shown:
            return
        if done < self.shown:
            self.start = time.monotonic()
        self.shown = done
        seconds = time.monotonic() - self.start
        rate = f"{done / seconds:.3g}/s" if seconds > 0 else ""
        if self.total:
            share = done / self.total
            blocks = ("#" * int(share * _WIDTH)).ljust(_WIDTH)
            line = f"{self.title}: {share:4.0%} |{blocks}| {done}/{self.total}"
        else:
            line = f"{self.title}: {done} turns"
        self.stream.write(f"\r{line} {seconds:.1f} s {rate}   ")
        self.stream.flush()

    def close(self):
        """End the line."""
        if self.shown >= 0:
            self.stream.write("\n")
