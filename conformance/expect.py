"""What the life of a key expects of every client."""

from contextlib import contextmanager

import pytest

from clients import UUID
from every_client import Refused

NO_KEY = "00000000-0000-0000-0000-000000000000"


@contextmanager
def refused(code, status, message=""):
    """An error answer, as the client hands it on; some wrap the message into their own."""
    with pytest.raises(Refused) as caught:
        yield
    error = caught.value
    assert error.code == code and error.status in (status, None)
    assert message in error.message
    assert UUID.fullmatch(error.request_id)


def every(kms, action, field, **parameters):
    """The entries of all pages."""
    page = kms(action, PageNumber=1, PageSize=100, **parameters)
    entries = list(page[field])
    for number in range(2, page["TotalCount"] // 100 + 2):
        entries += kms(action, PageNumber=number, PageSize=100, **parameters)[field]
    assert len(entries) == page["TotalCount"]
    return entries
