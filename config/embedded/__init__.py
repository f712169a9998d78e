"""A real PostgreSQL and a real Valkey for one checkout, without an installation.

Read in this order: ``environment`` (what Django is told), ``postgres`` and ``valkey``
(the two services), ``guardian`` (the server's parent process), ``binaries`` and
``places`` (what is run, and where its files may lie).  POSIX only.
"""
