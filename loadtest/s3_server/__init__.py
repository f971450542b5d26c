"""An S3 endpoint on 127.0.0.1: serves a folder's files, whole or in ranges, and forwards other requests upstream.

`with ObjectServer(folder) as server:` starts one. A bucket is a folder in `folder`, and a key is a path in that.
Not in here: an S3 that stores objects itself; `upstream`, if there is one, gets those that are put.
"""

from loadtest.s3_server.server import ObjectServer

__all__ = ["ObjectServer"]
