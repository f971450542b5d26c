"""The stack as a template and a zip that deploy without the CDK.

Not in here: the resources, which are those of `infra.stack`, and how to deploy them (docs/deploy.md).
"""
