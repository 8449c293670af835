"""What a process needs to run compiled programs: loading, calling, memory, threads, interrupts,
and the cache on disk. Imports core and `language`; LLVM only to make what the cache lacks."""
