"""The errors of alibaba-cloud-sdk-go 1.63.107. test_life.py uses it for the life of a key."""

import pytest

from clients import UUID
from every_client import Go, Refused


def test_wrong_secret(server, program):
    """It compares the string to sign in the message with its own, and recommends to check the secret."""
    error = Go(server, program, accessKeySecret="wrong").outcome("ListKeys", {})["error"]
    assert error["raised"] == "errors.ServerError"
    assert (error["status"], error["code"]) == (400, "SignatureDoesNotMatch")
    assert error["recommend"].startswith("InvalidAccessKeySecret")
    assert UUID.fullmatch(error["requestId"])


def test_unknown_access_key(server, program):
    with pytest.raises(Refused, match="The Access Key ID provided does not exist in our records.") as caught:
        Go(server, program, accessKeyId="LTAInobody")("ListKeys")
    assert (caught.value.status, caught.value.code) == (404, "InvalidAccessKeyId.NotFound")


def test_an_unknown_authority_is_not_trusted(start_server, program):
    """Without the server's CA, the client refuses the connection."""
    error = Go(start_server(), program, ca="").outcome("ListKeys", {})["error"]
    assert error["raised"] == "url.Error"
    assert error["message"].endswith("x509: certificate signed by unknown authority")
