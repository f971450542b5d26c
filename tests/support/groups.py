"""Tests of a group run in one process and share what it starts, as `--dist loadgroup` says.

With pytest 9.2 xdist 3.8 itself groups nothing: it notes the group in an attribute of the test that pytest does not
read any more. Each process then started a stack of its own. Here the group of a test is what its module says.
"""

import re
from functools import cache
from pathlib import Path

from xdist.scheduler import LoadScopeScheduling

GROUP = re.compile(r'xdist_group\("(\w+)"\)')


class Groups(LoadScopeScheduling):
    """Gives a process all tests of a group, and those of no group one by one."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid, self.config.rootpath)


def scope_of(nodeid: str, root: Path) -> str:
    """Return what the test is given to a process with: its group, or itself."""
    return group_of(root / nodeid.partition("::")[0]) or nodeid


@cache
def group_of(module: Path) -> str:
    """Return the group that the tests of a module belong to; nothing where they belong to none."""
    found = GROUP.search(module.read_text(encoding="utf-8"))
    return found[1] if found else ""
