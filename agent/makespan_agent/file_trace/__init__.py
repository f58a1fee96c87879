"""Which files a step uses: its system calls, seen through strace and reduced to paths and digests."""
