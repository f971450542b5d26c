"""The one S3 endpoint on 127.0.0.1: a folder's files, whole or in ranges, and for all else another S3, if there is one.

`with ObjectServer(folder) as server:` starts one. A bucket is a folder in `folder`, a key a path in that.
Not in here: an S3 that takes objects itself; those that are put go to `upstream`.
"""

from loadtest.s3_server.server import ObjectServer

__all__ = ["ObjectServer"]
