"""Which files of the function's dependencies are shipped. Pure: paths in, yes or no out.

pyarrow is most of the weight. Its core is linked against the compute, acero, dataset, parquet and substrait libraries,
so those stay; left out is what no format of a feed loads (measured in docs/decisions/0002).
"""

import re
from pathlib import PurePath

# Services whose API descriptions botocore keeps. The function uses them; sts is for assumed roles.
SERVICES = ("dynamodb", "events", "s3", "sqs", "sts")

DROPPED = tuple(
    re.compile(pattern)
    for pattern in (
        r"(^|/)__pycache__/",
        r"(^|/)tests?/",
        r"^bin/",
        r"\.dist-info/(?!METADATA$)",  # importlib.metadata needs no more to know a version
        r"\.(pyx|pxd|pxi|pyi|h|hpp|cc)$",
        r"^pyarrow/(include|includes|src|interchange)/",
        r"^pyarrow/conftest\.py$",
        r"^pyarrow/libarrow_(flight|s3|python_flight|python_parquet_encryption)\.so",
        # Shipped three times over; the loader asks for the name with one number.
        r"^pyarrow/libarrow_python\.so(\.\d+\.\d+\.\d+)?$",
        r"^pyarrow/_(azurefs|dataset\w*|feather|flight|gcsfs|hdfs|orc|parquet\w*|pyarrow_cpp_tests|s3fs|substrait)\.",
        # Modules of libraries that are dropped, or that are for other programs.
        r"^pyarrow/(benchmark|cffi|cuda|dataset|feather|flight|jvm|orc|substrait)\.py$",
        r"^pyarrow/parquet/",
        r"^boto3/(data/(?!dynamodb/)|examples/)",
        r"^botocore/data/.*/examples-\d+\.json$",  # for botocore's own documentation
        r"^aws_lambda_powertools/(event_handler|utilities/(?!jmespath_utils)\w+)/",  # all but the logger and its parts
    )
)
# What the formats of feeds are read with: shipped, whatever else is dropped. No feed is JSON yet; its library, 50 KB of
# the zip, stays so that adding that format does not end here.
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
