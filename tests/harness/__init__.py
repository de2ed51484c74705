"""The harness: the machine, its people, terminals, the socket, strace, the log."""
