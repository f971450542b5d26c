"""The deployed stack as CDK constructs, and the tools that build, check and run its template.

Not in here: the function's code (`ingest`) and the load tests (`loadtest`).
"""
