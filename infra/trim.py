"""Decides which files of the function's dependencies are shipped. Pure: a path gives yes or no.

pyarrow is most of the size. Its core is linked against the compute, acero, dataset, parquet and substrait libraries, so
those stay; files that no feed's format loads are left out (measured in docs/decisions/0002).
"""

import re
from pathlib import PurePath

# Services whose API descriptions are kept in botocore. The function uses them; sts is for assumed roles.
SERVICES = ("dynamodb", "events", "s3", "sqs", "sts")

DROPPED = tuple(
    re.compile(pattern)
    for pattern in (
        r"(^|/)__pycache__/",
        r"(^|/)tests?/",
        r"^bin/",
        r"\.dist-info/(?!METADATA$)",  # importlib.metadata needs only this for a version
        r"\.(pyx|pxd|pxi|pyi|h|hpp|cc)$",
        r"^pyarrow/(include|includes|src|interchange)/",
        r"^pyarrow/conftest\.py$",
        r"^pyarrow/libarrow_(flight|s3|python_flight|python_parquet_encryption)\.so",
        # The wheel has three copies; the loader requires the name with one number.
        r"^pyarrow/libarrow_python\.so(\.\d+\.\d+\.\d+)?$",
        r"^pyarrow/_(azurefs|dataset\w*|feather|flight|gcsfs|hdfs|orc|parquet\w*|pyarrow_cpp_tests|s3fs|substrait)\.",
        # Modules of dropped libraries, or for other programs.
        r"^pyarrow/(benchmark|cffi|cuda|dataset|feather|flight|jvm|orc|substrait)\.py$",
        r"^pyarrow/parquet/",
        r"^boto3/(data/(?!dynamodb/)|examples/)",
        r"^botocore/data/.*/examples-\d+\.json$",  # for botocore's own documentation
        r"^aws_lambda_powertools/(event_handler|utilities/(?!jmespath_utils)\w+)/",  # all but the logger and its parts
    )
)
# The libraries that read the formats of feeds: always shipped. No feed is JSON yet; its library, 50 KB of the zip, is
# kept so that adding that format needs no change here.
FORMATS = {"csv": re.compile(r"^pyarrow/_?csv\.(py|.+\.so)$"), "json": re.compile(r"^pyarrow/_?json\.(py|.+\.so)$")}
BOTOCORE_DATA = re.compile(r"^botocore/data/([^/]+)/")


def keeps(path: PurePath) -> bool:
    """Return whether a file of the installed tree is shipped.

    >>> keeps(PurePath("pyarrow/libarrow.so.2600")), keeps(PurePath("pyarrow/libarrow_flight.so.2600"))
    (True, False)
    >>> keeps(PurePath("botocore/data/s3/2006-03-01/service-2.json.gz")), keeps(PurePath("botocore/data/ec2/x.json"))
    (True, False)
    """
    name = path.as_posix()
    if any(pattern.match(name) for pattern in FORMATS.values()):
        return True
    service = BOTOCORE_DATA.match(name)
    if service and service.group(1) not in SERVICES:
        return False
    return not any(pattern.search(name) for pattern in DROPPED)
