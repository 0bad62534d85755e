"""Adds behaviour of CloudFormation that MiniStack lacks.

- During an operation, a resource exists and has the status of the operation
  (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html). In MiniStack, it does not
  exist until it is complete, and then has the status of its last complete operation.
"""

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers

_describe_stack_resource = handlers._ACTION_HANDLERS["DescribeStackResource"]


def install():
    """Installs this behaviour in MiniStack."""
    handlers._ACTION_HANDLERS["DescribeStackResource"] = describe_stack_resource


def describe_stack_resource(params):
    """Returns the resource, also during an operation."""
    logical_id = handlers._p(params, "LogicalResourceId")
    stack = handlers._resolve_stack(handlers._p(params, "StackName"))
    event = last_event(stack, logical_id) if stack else None
    if event is None or not event["ResourceStatus"].endswith("_IN_PROGRESS"):
        return _describe_stack_resource(params)
    # MiniStack's event loop runs a call without interruption, so no other call sees the change.
    resources = stack.setdefault("_resources", {})
    before = resources.get(logical_id)
    names = ["PhysicalResourceId", "ResourceType", "ResourceStatus", "Timestamp"]
    resources[logical_id] = (before or {}) | {name: event[name] for name in names if event[name] or before is None}
    try:
        return _describe_stack_resource(params)
    finally:
        if before is None:
            del resources[logical_id]
        else:
            resources[logical_id] = before


def last_event(stack, logical_id):
    """Returns the last event of a resource; None without one."""
    events = cloudformation._stack_events.get(stack["StackId"], [])
    return next((event for event in reversed(events) if event["LogicalResourceId"] == logical_id), None)
