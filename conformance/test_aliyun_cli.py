"""The messages of the aliyun command line, if it is on the PATH. test_life.py uses it for the life of a key."""

import shutil

import pytest

from every_client import AliyunCli, Refused

pytestmark = pytest.mark.skipif(
    not shutil.which("aliyun"), reason="the aliyun command line is not on the PATH"
)


def test_wrong_secret(server):
    with pytest.raises(Refused, match="server string to sign is:") as caught:
        AliyunCli(server, ALIBABA_CLOUD_ACCESS_KEY_SECRET="wrong")("ListKeys")
    assert caught.value.code == "SignatureDoesNotMatch"


def test_unknown_access_key(server):
    with pytest.raises(Refused, match="The Access Key ID provided does not exist in our records.") as caught:
        AliyunCli(server, ALIBABA_CLOUD_ACCESS_KEY_ID="LTAInobody")("ListKeys")
    assert caught.value.code == "InvalidAccessKeyId.NotFound"


def test_an_unknown_authority_is_not_trusted(server, start_server):
    """Without the server's CA, the client refuses the connection."""
    with pytest.raises(AssertionError, match="x509: certificate signed by unknown authority"):
        AliyunCli(server, SSL_CERT_FILE=start_server().ca)("ListKeys")
