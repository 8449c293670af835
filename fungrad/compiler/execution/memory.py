"""Where memory lies: each buffer in the workspace, large arrays and workspaces in `heap`."""

import os
import sys

_ALIGNMENT = 64

#: From so many bytes on an array lies in the heap; one that is smaller the C library keeps itself.
LARGE = 4 * 2**20

#: Where the results of a call have so many bytes together, those from `LARGE_OF_MANY` on lie there
#: too: when all of them die, the C library gives its free end back. A training step that makes
#: three megabytes of weights and moments spent a fifth of its time on their 370 pages.
MANY, LARGE_OF_MANY = 2**20, 2**17

#: From so many bytes on the workspace of a call does, a page less than whole huge pages: calls for
#: arrays of other shapes find it there, rather than fault in 700 pages for every new size of a
#: batch. Its end lies in small pages, of which those are there that are used.
LARGE_WORKSPACE = 2**20

HUGE_PAGE = 2**21  # bytes
HEADER = 64  # bytes before the data of a block of the heap; the first word is the block's size


def is_in_heap(nbytes, together):
    """Whether a result of so many bytes lies in the heap, of a call that makes more `together`."""
    return nbytes >= (LARGE_OF_MANY if together >= MANY else LARGE) and sys.platform == "linux"


def workspace_size(nbytes):
    """How many bytes a workspace has that lies in the heap; None where it does not."""
    if nbytes < LARGE_WORKSPACE or sys.platform != "linux":
        return None
    page = os.sysconf("SC_PAGE_SIZE")
    return -(-(nbytes + HEADER + page) // HUGE_PAGE) * HUGE_PAGE - page - HEADER


def placed(buffers):
    """Where in the workspace each buffer lies, in bytes, and how many there are in all.

    `buffers` are triples (bytes, time of the first use, time of the last one). Two of them share
    memory where one is last used before the other is first used. Larger ones are placed first, each
    at the lowest free place.
    """
    places, done = [0] * len(buffers), []  # done: (first, last, start, stop)
    for number in sorted(range(len(buffers)), key=lambda i: (-buffers[i][0], buffers[i][1])):
        nbytes, first, last = buffers[number]
        place = 0
        size = -(-max(nbytes, 1) // _ALIGNMENT) * _ALIGNMENT
        for start, stop in sorted([d[2:] for d in done if first <= d[1] and d[0] <= last]):
            if place + size <= start:
                break
            place = max(place, stop)
        places[number] = place
        done.append((first, last, place, place + size))
    return places, max([d[3] for d in done], default=0)
