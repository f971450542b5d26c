"""The Lambda function: handler, dispatch of messages, leases, loading, splitting, reconciling, reporting.

Not in here: the rules of a domain; this package calls the domains' packages in order.
"""
