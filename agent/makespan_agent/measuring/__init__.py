"""What a step uses: exact totals from the kernel, and a sampled curve of its process tree and machine."""
