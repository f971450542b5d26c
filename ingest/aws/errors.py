"""AWS errors -> ours, by a table."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore import exceptions as boto

from ingest import errors

_BY_CODE: dict[str, type[errors.IngestError]] = {
    "AccessDenied": errors.AccessDenied,
    "AccessDeniedException": errors.AccessDenied,
    "ExpiredToken": errors.AccessDenied,
    "ExpiredTokenException": errors.AccessDenied,
    "InvalidAccessKeyId": errors.AccessDenied,
    "InvalidClientTokenId": errors.AccessDenied,
    "InvalidSignatureException": errors.AccessDenied,
    "KmsAccessDenied": errors.AccessDenied,
    "MissingAuthenticationTokenException": errors.AccessDenied,
    "SignatureDoesNotMatch": errors.AccessDenied,
    "UnrecognizedClientException": errors.AccessDenied,
    "403": errors.AccessDenied,
    "404": errors.ObjectSuperseded,
    "NoSuchKey": errors.ObjectSuperseded,
    "NoSuchVersion": errors.ObjectSuperseded,
    "412": errors.ObjectSuperseded,
    "PreconditionFailed": errors.ObjectSuperseded,
    "InvalidObjectState": errors.ObjectArchived,
    "NoSuchBucket": errors.FileMissing,
    "ResourceNotFoundException": errors.TableMissing,
    "ItemCollectionSizeLimitExceededException": errors.ServiceFault,
    "KmsThrottled": errors.Throttled,
    "ProvisionedThroughputExceededException": errors.Throttled,
    "RequestLimitExceeded": errors.Throttled,
    "RequestThrottled": errors.Throttled,
    "SlowDown": errors.Throttled,
    "Throttling": errors.Throttled,
    "ThrottlingException": errors.Throttled,
    "TooManyRequestsException": errors.Throttled,
    "ReplicatedWriteConflictException": errors.Throttled,
    "TransactionConflictException": errors.Throttled,
    "InternalServerError": errors.Unavailable,
    "InternalError": errors.Unavailable,
    "ServiceUnavailable": errors.Unavailable,
    "RequestTimeout": errors.Unavailable,
}
_NO_CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
)
_WRONG_SETTINGS = (
    boto.ConfigNotFound,
    boto.ConfigParseError,
    boto.InvalidConfigError,
    boto.InvalidRegionError,
    boto.ParamValidationError,
    boto.ProfileNotFound,
)
_NOT_REACHED = (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError, boto.FlexibleChecksumError)


@contextmanager
def aws_call(what: str) -> Iterator[None]:
    """Run AWS calls and raise their errors as ours; `what` says what was being done, as "reading s3://b/k"."""
    try:
        yield
    except (boto.ClientError, boto.BotoCoreError) as error:
        raise translate(error, what) from error


def translate(error: boto.ClientError | boto.BotoCoreError, what: str) -> errors.IngestError:
    """Return our error for one of AWS's."""
    if isinstance(error, boto.ClientError):
        return _from_client_error(error, what)
    if isinstance(error, _NO_CREDENTIALS):
        why = "" if isinstance(error, boto.NoCredentialsError) else f" {_line(error)}"
        return errors.AccessDenied(
            f"No AWS credentials were found while {what}; set a profile or the AWS_* variables.{why}"
        )
    if isinstance(error, boto.NoRegionError):
        return errors.SettingsFault(
            f"No AWS region is set while {what}; set AWS_REGION, AWS_DEFAULT_REGION or a profile."
        )
    if isinstance(error, _WRONG_SETTINGS):
        return errors.SettingsFault(f"AWS refused the settings while {what}: {_line(error)}")
    if isinstance(error, _NOT_REACHED):
        return errors.Unavailable(f"The endpoint could not be reached while {what}: {_line(error)}")
    return errors.ServiceFault(f"AWS failed while {what}: {_line(error)}")


def error_code(error: boto.ClientError) -> str:
    """Return the service's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _from_client_error(error: boto.ClientError, what: str) -> errors.IngestError:
    code = error_code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return service_fault(code, status, error.response.get("Error", {}).get("Message", ""), what)


def service_fault(code: str, status: int, message: str, what: str) -> errors.IngestError:
    """Return our error for a service's error response, given its code, HTTP status and message."""
    kind = _BY_CODE.get(code) or (errors.Unavailable if status >= 500 else errors.ServiceFault)
    return kind(f"AWS answered {code} while {what}: {message}")


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
