"""Reports of runs: the result, then throughput, latency and cost, then curves; as an HTML page or as Markdown."""
