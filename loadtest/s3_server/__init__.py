"""An S3 endpoint on 127.0.0.1 for tests and benchmarks: files of a folder on disk, whole or in ranges, read only.

`with ObjectServer(folder) as server:` starts one. A bucket is a folder in `folder`, a key a path in that.
"""

from loadtest.s3_server.server import ObjectServer, ServerSettings

__all__ = ["ObjectServer", "ServerSettings"]
