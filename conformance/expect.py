"""Helpers of the suites for all clients: expected refusals, paged lists, and policies."""

import json
from contextlib import contextmanager
from uuid import uuid4

import pytest

from clients import UUID
from every_client import Refused

NO_KEY = "00000000-0000-0000-0000-000000000000"


@contextmanager
def refused(code, status, message=""):
    """Expects an error response, as the client raises it. Some clients wrap the message into their own."""
    with pytest.raises(Refused) as caught:
        yield
    error = caught.value
    assert error.code == code and error.status in (status, None)
    assert message in error.message
    assert UUID.fullmatch(error.request_id)


def every(kms, action, field, **parameters):
    """Returns the entries of all pages."""
    page = kms(action, PageNumber=1, PageSize=100, **parameters)
    entries = list(page[field])
    for number in range(2, page["TotalCount"] // 100 + 2):
        entries += kms(action, PageNumber=number, PageSize=100, **parameters)[field]
    assert len(entries) == page["TotalCount"]
    return entries


def new_name():
    """Returns a unique name for a user, group, role or policy."""
    return f"t-{uuid4().hex}"


def policy(*statements):
    """Returns a policy document. It has no spaces, which one of the official libraries signs wrongly."""
    return json.dumps({"Version": "1", "Statement": statements}, separators=(",", ":"))


def allow(action, resource="*", **condition):
    """Returns a statement that allows an action."""
    return {"Effect": "Allow", "Action": action, "Resource": resource} | condition


def deny(action, resource="*"):
    """Returns a statement that denies an action."""
    return {"Effect": "Deny", "Action": action, "Resource": resource}


def trust(condition=None, **principals):
    """Returns a trust policy for principals such as RAM=[...]."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principals}
    return policy(statement | ({"Condition": condition} if condition else {}))


def every_marked(client, action, field, **parameters):
    """Returns the entries of all pages of a list with markers."""
    entries, page = [], {"IsTruncated": True}
    while page["IsTruncated"]:
        marker = {"Marker": page["Marker"]} if entries else {}
        page = client(action, **parameters, **marker)
        entries += page[field]
    return entries
