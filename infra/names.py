"""Names of the stack's resources: within AWS's length limits for any stack name, and not reused after a deletion."""

import hashlib

from aws_cdk import Aws, Fn

MOST_BUCKET = 63
MOST_REGION = 15  # ap-southeast-2 has 14
_LANDING = len("-landing-") + len("111122223333-") + MOST_REGION


def shortened(name: str, most: int) -> str:
    """Return a name of at most `most` characters: the same, or its beginning and a hash of the whole name.

    >>> shortened("ingest", 26), shortened("the-ingest-of-the-whole-company", 26)
    ('ingest', 'the-ingest-of-the-684f8486')
    """
    if len(name) <= most:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: most - len(digest) - 1].rstrip('-')}-{digest}"


def queue_name() -> str:
    """Return the name of the queue between S3 and the function: `ingest-files-<id>`, 49 characters.

    The id is that of the stack, which CloudFormation creates for each new stack: SQS rejects a name for 60 s after its
    queue was deleted, so a deployment soon after a rollback would fail. A stack's own name may have 128 characters, a
    queue's 80, and a template cannot shorten it.
    """
    return f"ingest-files-{_stack_id()}"


def landing_name(stack_name: str) -> str:
    """Return the landing bucket's name, `<stack>-landing-<account>-<region>`, at most 63 characters long."""
    return f"{shortened(stack_name, MOST_BUCKET - _LANDING)}-landing-{Aws.ACCOUNT_ID}-{Aws.REGION}"


def landing_name_of_any_stack() -> str:
    """Return a landing bucket's name for a stack whose name is not known yet: `ingest-landing-<id>`, 51 characters."""
    return f"ingest-landing-{_stack_id()}"


def _stack_id() -> str:
    """Return the last part of `arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID`: a UUID."""
    return Fn.select(2, Fn.split("/", Aws.STACK_ID))
