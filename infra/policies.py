"""The function's permissions for the feeds, in as few policies as possible, each within IAM's size limit.

IAM's limits, in characters without white space, are 10,240 for all inline policies of a role together and 6,144 for a
managed policy. The size of a statement is an upper estimate, because partition, region and account are known only at
deployment.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aws_cdk import aws_iam as iam

from infra.landing import Landing
from infra.store import Store
from ingest.errors import SettingsFault
from ingest.feeds.feed import Feed
from ingest.feeds.writing import write_operations

MANAGED_CHARACTERS = 6_144
INLINE_ROOM = 3_000  # for the feeds, in addition to the permissions that do not depend on them
MOST_MANAGED, MOST_MANAGED_ON_REQUEST = 10, 20  # managed policies of a role; the quota can be raised on request
_OVERHEAD = 450  # of a policy and its statements, without the entries of feeds
_STATEMENT = 250  # of one more statement, for tables with other write operations
_S3_ARN = len("arn:aws-us-gov:s3:::") + 63 + len("/*")
_TABLE_ARN = len("arn:aws-us-gov:dynamodb:ap-southeast-12:111122223333:table/")


@dataclass(frozen=True)
class Portion:
    """Feeds whose grants are in one policy."""

    feeds: tuple[Feed, ...]

    @property
    def characters(self) -> int:
        """The maximum size of a policy for these feeds."""
        return _OVERHEAD + _STATEMENT * len(_tables_by_actions(self)) + sum(map(_characters, self.feeds))


def portions(feeds: Iterable[Feed]) -> list[Portion]:
    """Return the feeds, in their order, in portions that each fit into a managed policy.

    Raises:
        SettingsFault: a role cannot have that many policies.
    """
    found: list[Portion] = []
    for feed in feeds:
        more = Portion((*found[-1].feeds, feed)) if found else Portion((feed,))
        if found and more.characters <= MANAGED_CHARACTERS:
            found[-1] = more
        else:
            found.append(Portion((feed,)))
    if len(found) > MOST_MANAGED_ON_REQUEST:
        raise SettingsFault(
            f"The feeds' prefixes and tables need {len(found)} managed policies of {MANAGED_CHARACTERS:,} characters, "
            f"and IAM attaches {MOST_MANAGED_ON_REQUEST} to a role at most; use shorter prefixes or table names, or "
            "two stacks."
        )
    return found


def is_inline(found: Sequence[Portion]) -> bool:
    """Return whether the feeds' grants fit into the role's inline policy, so that no other is needed."""
    return len(found) == 1 and found[0].characters <= INLINE_ROOM


def grants(portion: Portion, landing: Landing, store: Store) -> list[iam.PolicyStatement]:
    """Return the grants on the objects and tables of these feeds, and on no others."""
    prefixes = [f"{literal(feed.prefix)}*" for feed in portion.feeds]
    objects = [landing.bucket.arn_for_objects(prefix) for prefix in prefixes]
    roles = sorted({feed.role for feed in portion.feeds if feed.role})
    return [
        iam.PolicyStatement(actions=["s3:GetObject", "s3:GetObjectVersion"], resources=objects),
        _list_bucket(landing, prefixes),
        *(
            iam.PolicyStatement(actions=list(actions), resources=[store.tables[name].table_arn for name in tables])
            for actions, tables in _tables_by_actions(portion).items()
        ),
        # These roles write to tables in other accounts.
        *([iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles)] if roles else []),
    ]


def literal(prefix: str) -> str:
    """Return a prefix escaped for IAM: `*`, `?` and `$` are special in resources and conditions.

    >>> literal("a*b?/")
    'a${*}b${?}/'
    """
    return "".join(f"${{{c}}}" if c in "*?$" else c for c in prefix)


def _list_bucket(landing: Landing, prefixes: list[str]) -> iam.PolicyStatement:
    """The reconciler lists objects. Also, without this grant S3 returns 403 instead of 404 for a deleted key, which
    would look like a missing permission."""
    statement = iam.PolicyStatement(
        actions=["s3:ListBucket", "s3:ListBucketVersions"], resources=[landing.bucket.bucket_arn]
    )
    statement.add_condition("StringLike", {"s3:prefix": prefixes})
    return statement


def _tables_by_actions(portion: Portion) -> dict[tuple[str, ...], list[str]]:
    """Return the tables of feeds without a role, by the operations that their writers call."""
    actions: dict[str, set[str]] = {}
    for feed in portion.feeds:
        if not feed.role:
            actions.setdefault(feed.table, set()).update(f"dynamodb:{name}" for name in write_operations(feed))
    tables: dict[tuple[str, ...], list[str]] = {}
    for table, called in actions.items():
        tables.setdefault(tuple(sorted(called)), []).append(table)
    return tables


def _characters(feed: Feed) -> int:
    """Return the maximum characters that one feed adds to a policy: its prefix twice, and its table or role."""
    prefix = _quoted(literal(feed.prefix))
    target = _quoted(feed.role) if feed.role else _TABLE_ARN + _quoted(feed.table)
    return _S3_ARN + prefix + len("*") + prefix + target


def _quoted(text: str) -> int:
    r"""Return the length of a text in a JSON list, with its comma; a non-ASCII character counts as `\u00e4`."""
    return len(json.dumps(text)) + 1
