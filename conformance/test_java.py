"""The errors of aliyun-java-sdk-kms 2.16.6 with aliyun-java-sdk-core 4.7.10, and its other signature.

test_life.py uses it for the life of a key.
"""

import pytest

from every_client import Java, Refused


def test_wrong_secret(server, program):
    """It compares the string to sign in the message with its own, and then blames the secret."""
    with pytest.raises(Refused, match="Specified Access Key Secret is not valid.") as caught:
        Java(server, program, accessKeySecret="wrong")("ListKeys")
    assert (caught.value.status, caught.value.code) == (400, "SDK.InvalidAccessKeySecret")


def test_unknown_access_key(server, program):
    with pytest.raises(Refused, match="The Access Key ID provided does not exist in our records.") as caught:
        Java(server, program, accessKeyId="LTAInobody")("ListKeys")
    assert (caught.value.status, caught.value.code) == (404, "InvalidAccessKeyId.NotFound")


def test_an_unknown_authority_is_not_trusted(start_server, program):
    """The trust store contains the authority of another server, so the client refuses the connection."""
    error = Java(start_server(), program).outcome("ListKeys", {})["error"]
    assert error["code"] == "SDK.ServerUnreachable"
    assert "SSLHandshakeException" in error["cause"]


def test_signature_v3_does_not_sign_the_host(server, program):
    """The server refuses it, an opt-in of this SDK: the signature would be valid for any other server too."""
    with pytest.raises(Refused) as caught:
        Java(server, program, signature="V3")("ListKeys")
    assert (caught.value.status, caught.value.code) == (400, "IncompleteSignature")
