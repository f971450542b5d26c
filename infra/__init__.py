"""The deployed stack, in CDK constructs, and the tools that build, check and run its template.

Not in here: the function's code (`ingest`) and what measures the stack under load (`loadtest`).
"""
