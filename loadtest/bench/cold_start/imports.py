"""What `python -X importtime` tells -> seconds by package."""

import re
from collections import Counter

_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)$", re.MULTILINE)


def seconds_by_package(reported: str, *, standard: frozenset[str]) -> dict[str, float]:
    """Return what importing the modules of each package took, most first; the standard library is one package.

    >>> told = "import time:    2000 |   5000 | json\\nimport time:   30000 |  35000 |   boto3.session"
    >>> seconds_by_package(told, standard=frozenset({"json"}))
    {'boto3': 0.03, 'standard library': 0.002}
    """
    spent: Counter[str] = Counter()
    for microseconds, module in _LINE.findall(reported):
        package = module.partition(".")[0]
        spent["standard library" if package in standard else package] += int(microseconds)
    return {package: microseconds / 1e6 for package, microseconds in spent.most_common()}
