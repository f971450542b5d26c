"""Reports of runs: the result first, then throughput, latency and cost, then curves; as page or as Markdown."""
