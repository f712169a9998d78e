"""One program a contestant: ``python <file> <conninfo> <mode> <writers> <seconds>``.

Each prints one line of JSON: ``{"units": …, "cpu_seconds": …}``; connections are made
and warmed before the clock starts.
"""
