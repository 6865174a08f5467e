"""The official Node.js clients over HTTPS: @alicloud/pop-core 1.8.0 and @alicloud/kms20160120 1.2.0."""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path
from uuid import uuid4

import pytest

from clients import UUID
from serve import ROOT, environment

CALL = Path(__file__).parent / "node/call.js"
MODULES = Path(os.environ.get("BULLA_NODE_MODULES", ROOT / "target/conformance/node/node_modules"))
NO_KEY = "00000000-0000-0000-0000-000000000000"

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and MODULES.is_dir()), reason="no node, or its packages are not installed"
)


class Refused(Exception):
    """What a client threw."""

    def __init__(self, error):
        super().__init__(error["message"])
        self.name, self.code, self.message, self.data = (
            error.get(key) for key in ("name", "code", "message", "data")
        )


class Node:
    """One of the clients; each call is a process of its own."""

    def __init__(self, server, home, client, method="POST", **credentials):
        self.server = server
        self.home = home
        self.settings = {
            "client": client,
            "method": method,
            "url": server.url,
            "accessKeyId": server.access_key_id,
            "accessKeySecret": server.access_key_secret,
        } | credentials

    def __call__(self, action, **parameters):
        # Each client has its own spelling: the one sends names as they are, the other has fields.
        if self.settings["client"] == "kms":
            parameters = {name[0].lower() + name[1:]: value for name, value in parameters.items()}
        variables = {"NODE_PATH": str(MODULES), "NODE_EXTRA_CA_CERTS": self.server.ca}
        done = subprocess.run(
            ["node", CALL],
            input=json.dumps(self.settings | {"action": action, "parameters": parameters}).encode(),
            env=environment(self.home) | variables,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        outcome = json.loads(done.stdout)
        if "error" in outcome:
            raise Refused(outcome["error"])
        reply = {name[0].upper() + name[1:]: value for name, value in outcome["reply"].items()}
        if "Plaintext" in reply:
            self.server.remember(reply["Plaintext"])
        return reply


CLIENTS = {
    "pop-core POST": {"client": "popCore", "method": "POST"},
    "pop-core GET": {"client": "popCore", "method": "GET"},
    "kms20160120": {"client": "kms"},
}


@pytest.fixture(params=CLIENTS.values(), ids=CLIENTS)
def node(request, server, tmp_path):
    return Node(server, tmp_path, **request.param)


def test_create_key(node):
    reply = node("CreateKey", Description="销售 & co. + *~'()!")
    assert UUID.fullmatch(reply["RequestId"])
    metadata = {name.lower(): value for name, value in reply["KeyMetadata"].items()}
    assert UUID.fullmatch(metadata["keyid"])
    assert metadata["description"] == "销售 & co. + *~'()!"
    assert metadata["keystate"] == "Enabled"


def test_create_alias(node, old_sdk):
    key_id = old_sdk.call("CreateKey")["KeyMetadata"]["KeyId"]
    alias = f"alias/{uuid4()}"
    assert set(node("CreateAlias", KeyId=key_id, AliasName=alias)) == {"RequestId"}
    assert node("GenerateDataKey", KeyId=alias)["KeyId"] == key_id


def test_data_key(node, key_id):
    data_key = node("GenerateDataKey", KeyId=key_id, NumberOfBytes=32)
    assert len(b64decode(data_key["Plaintext"], validate=True)) == 32
    decrypted = node("Decrypt", CiphertextBlob=data_key["CiphertextBlob"])
    assert decrypted["Plaintext"] == data_key["Plaintext"]
    assert decrypted["KeyVersionId"] == data_key["KeyVersionId"]


def test_encryption_context(node, old_sdk, key_id):
    """JSON from the one client, EncryptionContext.name=value from the other: the same context."""
    context = {"project": "Apollo", "a.b": "销售 & co. + *~'()!"}
    given = context if node.settings["client"] == "kms" else json.dumps(context)
    data_key = node("GenerateDataKey", KeyId=key_id, EncryptionContext=given)
    blob = data_key["CiphertextBlob"]
    assert node("Decrypt", CiphertextBlob=blob, EncryptionContext=given)["Plaintext"] == data_key["Plaintext"]
    by_old_sdk = old_sdk.call("Decrypt", CiphertextBlob=blob, EncryptionContext=json.dumps(context))
    assert by_old_sdk["Plaintext"] == data_key["Plaintext"]
    refused(
        node,
        "InvalidParameter",
        'The specified parameter "CiphertextBlob" is not valid.',
        "Decrypt",
        CiphertextBlob=blob,
    )


def test_unknown_key(node):
    refused(node, "Forbidden.KeyNotFound", "The specified Key is not found.", "GenerateDataKey", KeyId=NO_KEY)


def test_missing_parameter(node):
    refused(node, "MissingKeyId", "KeyId is mandatory for this action.", "GenerateDataKey")


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_wrong_secret(server, tmp_path, client):
    node = Node(server, tmp_path, **client, accessKeySecret="wrong")
    refused(node, "SignatureDoesNotMatch", "server string to sign is:", "ListKeys")


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_unknown_access_key(server, tmp_path, client):
    node = Node(server, tmp_path, **client, accessKeyId="LTAInobody")
    message = "The Access Key ID provided does not exist in our records."
    refused(node, "InvalidAccessKeyId.NotFound", message, "ListKeys")


def refused(node, code, message, action, **parameters):
    """Expects an error answer, thrown as each client does it."""
    with pytest.raises(Refused) as caught:
        node(action, **parameters)
    if node.settings["client"] == "kms":
        assert caught.value.code == f"{code}Error"
    else:
        assert (caught.value.code, caught.value.name) == (code, f"{code}Error")
    assert message in caught.value.message
    assert UUID.fullmatch(caught.value.data["RequestId"])
