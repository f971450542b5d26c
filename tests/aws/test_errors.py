"""Every error AWS may answer with is one of ours. botocore's service models say which there are."""

import inspect
import string
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore import exceptions as boto

from ingest.aws.errors import aws_call, error_code, translate
from ingest.errors import (
    AccessDenied,
    FileFault,
    FileMissing,
    IngestError,
    ObjectArchived,
    ObjectSuperseded,
    ServiceFault,
    SettingsFault,
    TableMissing,
    Throttled,
    Unavailable,
)

CALLS = {
    "dynamodb": ["BatchWriteItem", "UpdateItem"],
    "sqs": ["ChangeMessageVisibility", "SendMessage"],
    "s3": ["GetObject", "HeadObject", "PutObject"],
}
# Left generic on purpose: each is a wrong deployment or a bug of ours, and its own message says it best.
GENERIC = {
    "ConditionalCheckFailedException",  # the ledger takes it as an answer before it is an error
    "ItemCollectionSizeLimitExceededException",  # 10 GB under one partition key with a local index
    "MessageNotInflight",
    "ReceiptHandleIsInvalid",
    "QueueDoesNotExist",
    "UnsupportedOperation",
    "InvalidAddress",
    "InvalidSecurity",
    "InvalidMessageContents",
    "KmsDisabled",
    "KmsInvalidState",
    "KmsNotFound",
    "KmsOptInRequired",
    "KmsInvalidKeyUsage",
    "InvalidRequest",
    "InvalidWriteOffset",
    "TooManyParts",
    "EncryptionTypeMismatch",
}


def modelled_errors() -> list[Any]:
    return list(walk_models(botocore.session.Session()))


def walk_models(session: botocore.session.Session) -> Iterator[Any]:
    for service, operations in CALLS.items():
        model = session.get_service_model(service)
        for operation in operations:
            for shape in model.operation_model(operation).error_shapes:
                yield pytest.param(operation, shape, id=f"{operation}-{shape.name}")


def client_error(code: str, status: int = 400, operation: str = "Call") -> boto.ClientError:
    response = {"Error": {"Code": code, "Message": "what AWS says"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return boto.ClientError(response, operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(("operation", "shape"), modelled_errors())
def test_each_modelled_error_of_the_calls_we_make_has_a_kind_or_is_left_generic_on_purpose(
    operation: str, shape: Any
) -> None:
    code = shape.metadata.get("error", {}).get("code", shape.name)
    fault = translate(client_error(code, operation=operation), "calling")
    assert isinstance(fault, (ServiceFault, ObjectArchived, ObjectSuperseded))
    assert (type(fault) is ServiceFault) is (shape.name in GENERIC)


def test_nothing_is_listed_as_generic_that_is_not_modelled() -> None:
    assert {parameter.values[1].name for parameter in modelled_errors()} >= GENERIC


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("SlowDown", 503, Throttled),
        ("Throttling", 400, Throttled),
        ("RequestTimeout", 400, Unavailable),
        ("ServiceUnavailable", 503, Unavailable),
        ("503", 503, Unavailable),  # the answer to HEAD has no body to name its code
        ("AnythingNew", 500, Unavailable),
        ("AnythingNew", 400, ServiceFault),
        ("", 0, ServiceFault),
        ("403", 403, AccessDenied),
        ("AccessDenied", 403, AccessDenied),
        ("ExpiredToken", 400, AccessDenied),
        ("InvalidAccessKeyId", 403, AccessDenied),
        ("SignatureDoesNotMatch", 403, AccessDenied),
        ("404", 404, ObjectSuperseded),
        ("NoSuchVersion", 404, ObjectSuperseded),
        ("412", 412, ObjectSuperseded),
        ("PreconditionFailed", 412, ObjectSuperseded),
        ("NoSuchBucket", 404, FileMissing),
        ("InvalidObjectState", 403, ObjectArchived),
        ("ResourceNotFoundException", 400, TableMissing),
    ],
)
def test_errors_no_model_lists_have_their_kind_too(code: str, status: int, kind: type[IngestError]) -> None:
    fault = translate(client_error(code, status), "reading s3://b/k")
    assert type(fault) is kind
    assert str(fault) == f"AWS answered {code} while reading s3://b/k: what AWS says"


def test_an_error_without_any_detail_is_still_one_sentence() -> None:
    bare = boto.ClientError({}, "Call")
    assert error_code(bare) == ""
    assert type(translate(bare, "calling")) is ServiceFault


def botocore_errors() -> list[boto.BotoCoreError]:
    """One of each kind botocore itself can raise."""
    kinds = [cls for cls in vars(boto).values() if isinstance(cls, type) and issubclass(cls, boto.BotoCoreError)]
    return [made(cls) for cls in kinds]


def made(cls: type[boto.BotoCoreError]) -> boto.BotoCoreError:
    """Return an error made with an "x" for all its sentence needs."""
    parameters = inspect.signature(cls.__init__).parameters
    needed = {name for name, parameter in parameters.items() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        needed |= {field for _, field, _, _ in string.Formatter().parse(cls.fmt) if field}
    return cls(**dict.fromkeys(needed - {"self"}, "x"))


@pytest.mark.parametrize("error", botocore_errors(), ids=lambda error: type(error).__name__)
def test_each_error_of_botocore_itself_is_one_of_ours_in_one_sentence(error: boto.BotoCoreError) -> None:
    fault = translate(error, "calling")
    assert isinstance(fault, (ServiceFault, SettingsFault))
    assert not isinstance(fault, FileFault)
    assert "while calling" in str(fault)
    assert "\n" not in str(fault)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), Unavailable),
        (boto.ConnectTimeoutError(endpoint_url="u"), Unavailable),
        (boto.ReadTimeoutError(endpoint_url="u"), Unavailable),
        (boto.ConnectionClosedError(endpoint_url="u"), Unavailable),
        (boto.ResponseStreamingError(error="x"), Unavailable),
        (boto.IncompleteReadError(actual_bytes=1, expected_bytes=2), Unavailable),
        (boto.FlexibleChecksumError(error_msg="x"), Unavailable),
        (boto.SSLError(endpoint_url="u", error=OSError("x")), Unavailable),
        (boto.ProxyConnectionError(proxy_url="u", error="x"), Unavailable),
        (boto.NoCredentialsError(), AccessDenied),
        (boto.PartialCredentialsError(provider="p", cred_var="v"), AccessDenied),
        (boto.TokenRetrievalError(provider="p", error_msg="m"), AccessDenied),
        (boto.UnauthorizedSSOTokenError(), AccessDenied),
        (boto.NoRegionError(), SettingsFault),
        (boto.ProfileNotFound(profile="p"), SettingsFault),
        (boto.ParamValidationError(report="Invalid bucket name"), SettingsFault),
        (boto.InvalidRegionError(region_name="no region"), SettingsFault),
        (boto.ConfigParseError(path="p", error="x"), SettingsFault),
        (boto.UnknownSignatureVersionError(signature_version="x"), ServiceFault),
    ],
)
def test_botocores_errors_are_sorted_by_who_can_fix_them(error: boto.BotoCoreError, kind: type[IngestError]) -> None:
    assert type(translate(error, "calling")) is kind


def test_a_call_raises_our_error_from_awss() -> None:
    error = client_error("SlowDown", 503)
    with pytest.raises(Throttled) as caught, aws_call("reading"):
        raise error
    assert caught.value.__cause__ is error


def test_a_call_leaves_other_errors_alone() -> None:
    with pytest.raises(KeyError), aws_call("reading"):
        raise KeyError("k")
    with aws_call("reading"):
        pass
