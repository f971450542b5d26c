"""The function in a VPC: its subnets, and the permissions that its role needs there."""

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.existing import Existing

_ADDRESSES = ["ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"]
_ANYWHERE = ["ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]


def attach(function: lambda_.Function, existing: Existing) -> None:
    """Attach the function to the subnets. On the L1 resource: the CDK's L2 needs a VPC lookup."""
    if existing.subnets:
        resource = function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=list(existing.subnets), security_group_ids=list(existing.security_groups)
        )


def grants(scope: Construct, existing: Existing) -> list[iam.PolicyStatement]:
    """Return the permissions that Lambda needs to attach the function; the function's code is denied all of them.

    Narrower than the managed policy AWSLambdaVPCAccessExecutionRole: interfaces are created in these subnets with these
    security groups only. Describe actions have no resource in IAM, and Lambda requires a role that may delete all.
    """
    if not existing.subnets:
        return []
    attached_to = [_arn(scope, "subnet", id) for id in existing.subnets]
    attached_to += [_arn(scope, "security-group", id) for id in existing.security_groups]
    create = iam.PolicyStatement(actions=["ec2:CreateNetworkInterface"], resources=[interfaces(scope), *attached_to])
    address = iam.PolicyStatement(actions=_ADDRESSES, resources=[interfaces(scope)])
    anywhere = iam.PolicyStatement(actions=_ANYWHERE, resources=["*"])
    return [create, address, anywhere, _not_by_code(scope)]


def interfaces(scope: Construct) -> str:
    """Return the ARN of all network interfaces of the stack's account and region."""
    return _arn(scope, "network-interface", "*")


def _not_by_code(scope: Construct) -> iam.PolicyStatement:
    """Requests by a function's code have the function's ARN; requests that Lambda makes for it do not."""
    functions = Stack.of(scope).format_arn(service="lambda", resource="function:*")
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=["ec2:CreateNetworkInterface", *_ADDRESSES, *_ANYWHERE],
        resources=["*"],
        conditions={"ArnLike": {"lambda:SourceFunctionArn": functions}},
    )


def _arn(scope: Construct, kind: str, name: str) -> str:
    return Stack.of(scope).format_arn(service="ec2", resource=kind, resource_name=name)
