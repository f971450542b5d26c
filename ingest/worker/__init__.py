"""The Lambda function: handler, dispatch of messages, leases, loading, splitting, reconciling, reporting.

Not in here: any domain's own rules; this package calls them in order.
"""
