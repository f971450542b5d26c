"""The stack as a template and a zip that can be deployed without the CDK.

Not in here: the resources (`infra.stack`), and how to deploy them (docs/deploy.md).
"""
