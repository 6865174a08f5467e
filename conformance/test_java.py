"""aliyun-java-sdk-kms 2.16.6 with aliyun-java-sdk-core 4.7.10: what it raises, and its other signature.

The life of a key through it is in test_life.py.
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
    """The trust store holds the authority of another server: the client itself gives up."""
    error = Java(start_server(), program).outcome("ListKeys", {})["error"]
    assert error["code"] == "SDK.ServerUnreachable"
    assert "SSLHandshakeException" in error["cause"]


def test_signature_v3_does_not_sign_the_host(server, program):
    """Opt-in in this SDK, and refused: its signature would be as good for any other server."""
    with pytest.raises(Refused) as caught:
        Java(server, program, signature="V3")("ListKeys")
    assert (caught.value.status, caught.value.code) == (400, "IncompleteSignature")
