"""All official clients behind one interface: parameters and replies have the API's names, refusals raise one exception."""

import itertools
import json
import re
import shutil
import subprocess
from functools import partial

from alibabacloud_tea_openapi.exceptions import ClientException, ThrottlingException
from alibabacloud_tea_openapi.utils_models import OpenApiRequest, Params
from aliyunsdkcore.acs_exception.exceptions import ServerException
from darabonba.exceptions import UnretryableException
from darabonba.runtime import RuntimeOptions
from Tea.exceptions import TeaException

from clients import KMS, RAM, REGION, UUID, OldSdk, TeaSdk
from serve import environment

SECRETS = ("Plaintext", "SecretData", "RandomPassword")
NO_MACS = {"GenerateMac", "VerifyMac"}


class Refused(Exception):
    """The server refused the request. The status is None if the client does not report it."""

    def __init__(self, status, code, message, request_id):
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.request_id = status, code, message, request_id


class Lacks(Exception):
    """The client does not support this operation or parameter. Nothing was sent."""


class Client:
    """An official client. Calling it sends a typed request of the client and returns its typed reply.

    `lacking` lists what the client has no type for, as `Action` or `Action.Parameter` of a product. These are sent as
    generic requests, which every client supports too. `hides` lists fields that the server sends and the typed replies omit.
    A call whose reply may contain them is repeated as a generic request, so these calls must change nothing.
    """

    lacking = {}
    hides = {}
    # Whether its types represent an encryption context as a mapping, not as text.
    mappings = False
    # Whether it sends its own region as RegionId with every request.
    regional = False

    def __init__(self, server, product=KMS):
        self.server = server
        self.product = product

    @property
    def lacks(self):
        """What the client does not support of its product."""
        return self.lacking.get(self.product, frozenset())

    def __call__(self, action, **parameters):
        if self.regional:
            parameters.pop("RegionId", None)
        try:
            reply = self.typed(action, parameters if self.mappings else as_json(parameters))
        except Lacks as lacks:
            self.expect(lacks)
            reply = self.common(action, flat(parameters))
        if hidden := self.hides.get(action):
            assert not hidden & set(names(reply)), f"the reply to {action} shows {hidden}"
            reply = self.common(action, flat(parameters))
        assert UUID.fullmatch(reply["RequestId"])
        for secret in SECRETS:
            if secret in reply:
                self.server.remember(reply[secret])
        return plain(reply)

    def expect(self, lacks):
        """Fails if the lack is not in `lacking`."""
        assert str(lacks) in self.lacks, f"`lacking` does not list {lacks}"

    def typed(self, action, parameters):
        """Returns the reply to a typed request. Raises `Lacks` if the client does not support the action or a parameter."""
        raise NotImplementedError

    def common(self, action, parameters):
        """Returns the reply to a generic request with text parameters."""
        raise NotImplementedError


class OldPython(Client):
    """aliyun-python-sdk-kms, -ram and -sts."""

    lacking = {KMS: NO_MACS}
    regional = True

    def __init__(self, server, program=None, product=KMS):
        super().__init__(server, product)
        self.sdk = OldSdk(server, product=product)

    def typed(self, action, parameters):
        try:
            request = self.sdk.request(action)
        except ModuleNotFoundError:
            raise Lacks(action) from None
        for name, value in parameters.items():
            # Setters of lists are in the plural: set_ResourceIds sets ResourceId.1, ResourceId.2.
            setter = getattr(request, f"set_{name}s" if isinstance(value, list) else f"set_{name}", None)
            if setter is None:
                raise Lacks(f"{action}.{name}")
            setter(value)
        return self._send(request)

    def common(self, action, parameters):
        request = self.sdk.common_request(action)
        for name, value in parameters.items():
            request.add_query_param(name, value)
        return self._send(request)

    def _send(self, request):
        try:
            return self.sdk.send(request)
        except ServerException as error:
            raise Refused(error.http_status, error.error_code, error.message, error.request_id) from error


class TeaPython(Client):
    """alibabacloud_kms20160120, _ram20150501 and _sts20150401 for Python."""

    mappings = True

    def __init__(self, server, program=None, product=KMS, **config):
        super().__init__(server, product)
        self.sdk = TeaSdk(server, product, protocol=server.scheme, **config)

    def typed(self, action, parameters):
        method = self.sdk.method(action)
        if method is None:
            raise Lacks(action)
        model = getattr(self.sdk.models, f"{action}Request", None)
        # Operations without parameters have no model.
        arguments = [model().from_map(parameters)] if model else []
        placed = arguments[0].to_map() if arguments else {}
        for name in parameters:
            if name not in placed:
                raise Lacks(f"{action}.{name}")
        return self._translate_errors(lambda: method(*arguments).body.to_map())

    def common(self, action, parameters):
        params = Params(
            action=action,
            version=self.product.version,
            protocol="HTTPS",
            pathname="/",
            method="POST",
            auth_type="AK",
            style="RPC",
            req_body_type="formData",
            body_type="json",
        )
        request = OpenApiRequest(query=parameters)
        return self._translate_errors(lambda: self.sdk.client.call_api(params, request, RuntimeOptions())["body"])

    @staticmethod
    def _translate_errors(call):
        try:
            return call()
        except ClientException as error:
            raise Refused(error.status_code, error.code, error.message, error.request_id) from error
        except ThrottlingException as error:
            assert error.retry_after > 0, "it is told how long to wait"
            raise Refused(error.status_code, error.code, error.message, error.request_id) from error


class TeaPythonV4(TeaPython):
    """The same with signature v4, for which another part of the client sends and raises other exceptions."""

    def __init__(self, server, program=None):
        super().__init__(server, signature_version="v4")

    @staticmethod
    def _translate_errors(call):
        try:
            return call()
        except UnretryableException as error:
            inner = error.inner_exception
            assert isinstance(inner, TeaException), inner
            raise Refused(inner.data["statusCode"], inner.code, inner.message, inner.data["RequestId"]) from error


class Driven(Client):
    """A client in another language, driven by a program in that language."""

    language: str

    def __init__(self, server, program, product=KMS, **settings):
        super().__init__(server, product)
        self.program = program(self.language)
        self.settings = {
            "product": product.name,
            "version": product.version,
            "url": server.url,
            "accessKeyId": server.access_key_id,
            "accessKeySecret": server.access_key_secret,
            "securityToken": server.security_token or "",
        } | settings

    def typed(self, action, parameters):
        return self._reply(action, parameters, common=False)

    def common(self, action, parameters):
        return self._reply(action, parameters, common=True)

    def outcome(self, action, parameters, common=False):
        """Returns the program's JSON report about a call."""
        return self.program.ask(**self.settings, action=action, parameters=parameters, common=common)

    def _reply(self, action, parameters, common):
        outcome = self.outcome(action, parameters, common)
        if "lacks" in outcome:
            raise Lacks(outcome["lacks"])
        if "error" in outcome:
            raise self.refused(outcome["error"])
        return outcome["reply"]

    def refused(self, error):
        """Returns the exception for the client's error, after checking that the error is as expected."""
        raise NotImplementedError


class Go(Driven):
    """alibaba-cloud-sdk-go."""

    language = "go"
    lacking = {
        KMS: NO_MACS,
        RAM: {"DeletePolicy.CascadingDelete", "ListTagResources", "TagResources", "UntagResources"},
    }
    regional = True

    def __init__(self, server, program, product=KMS, **settings):
        authority = server.ca if server.scheme == "https" else ""
        super().__init__(server, program, product, **{"ca": authority} | settings)

    def refused(self, error):
        assert error["raised"] == "errors.ServerError", error
        return Refused(error["status"], error["code"], error["message"], error["requestId"])


class Java(Driven):
    """aliyun-java-sdk-kms, with signature V1 by default."""

    language = "java"
    lacking = {KMS: NO_MACS}
    regional = True

    def __init__(self, server, program, **settings):
        super().__init__(server, program, **{"signature": "V1"} | settings)

    def refused(self, error):
        assert error["raised"] == "com.aliyuncs.exceptions.ClientException", error
        return Refused(error["status"], error["code"], error["message"], error["requestId"])


class NodeKms(Driven):
    """@alicloud/kms20160120, the older client that npm has under this name."""

    language = "node"
    mappings = True
    lacking = {
        KMS: NO_MACS
        | {
            "CreateKey.Tags",
            "DescribeAccountKmsStatus",
            "Encrypt.DryRun",
            "ExportDataKey",
            "GenerateAndExportDataKey",
            "ListKeys.Filters",
            "ListTagResources",
            "ReEncrypt",
            "SetDeletionProtection",
            "TagResources",
            "UntagResources",
        }
    }
    hides = {"DescribeKey": {"DeletionProtection", "DeletionProtectionDescription"}}

    def __init__(self, server, program, **settings):
        super().__init__(server, program, client="kms", **settings)

    def refused(self, error):
        # It appends Error to the code, and only the text contains the status.
        assert error["code"] == f"{error['data']['Code']}Error", error
        status = re.search(r"\bcode: (\d+), ", error["message"])
        return Refused(int(status[1]), error["data"]["Code"], error["message"], error["data"]["RequestId"])


class NodeTea(Driven):
    """@alicloud/ram20150501 and @alicloud/sts20150401."""

    language = "node"

    def __init__(self, server, program, product, **settings):
        super().__init__(server, program, product, client="tea", **settings)

    def refused(self, error):
        assert error["raised"] in ("ClientError", "ServerError"), error
        return Refused(error["status"], error["code"], error["message"], error["data"]["RequestId"])


class PopCore(Driven):
    """@alicloud/pop-core, which has no types, and @alicloud/ram, which has methods only."""

    language = "node"
    lacking = {
        RAM: {
            "GetAccessKeyLastUsed",
            "ListTagResources",
            "TagResources",
            "UntagResources",
            "UpdatePolicyDescription",
        }
    }

    def __init__(self, server, program, product=KMS, method="POST", **settings):
        client = "popCoreRam" if product == RAM else "popCore"
        super().__init__(server, program, product, client=client, method=method, **settings)

    def refused(self, error):
        assert error["raised"] == f"{error['code']}Error", error
        return Refused(error["status"], error["code"], error["message"], error["data"]["RequestId"])


class AliyunCli(Client):
    """The aliyun command line, of any version on the PATH. It checks names with its own metadata."""

    regional = True

    def __init__(self, server, program=None, **variables):
        super().__init__(server)
        self.place = ("--endpoint", server.address, *(["--insecure"] if server.scheme == "http" else []))
        self.environment = environment(server.directory) | {
            "ALIBABA_CLOUD_ACCESS_KEY_ID": server.access_key_id,
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": server.access_key_secret,
            "ALIBABA_CLOUD_REGION_ID": REGION,
            "SSL_CERT_FILE": server.ca,
        }
        self.environment |= variables

    def expect(self, lacks):
        """Does nothing: the version, and so the list, is not known."""

    def typed(self, action, parameters):
        return self._run(action, flat(parameters))

    def common(self, action, parameters):
        return self._run(action, parameters, "--force", "--version", KMS.version)

    def _run(self, action, parameters, *flags):
        words = [word for name, value in parameters.items() for word in (f"--{name}", value)]
        done = subprocess.run(
            ["aliyun", "kms", action, *words, *self.place, *flags],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
        )
        if done.returncode == 0:
            return json.loads(done.stdout)
        text = done.stderr.decode()
        if unknown := re.search(r"'(?:--)?(\S+)' is not a valid (api|parameter)", text):
            raise Lacks(action if unknown[2] == "api" else f"{action}.{unknown[1]}")
        if "required parameters not assigned" in text:
            raise Lacks(f"{action} with fewer parameters")
        fields = dict(re.findall(r"^(ErrorCode|Message|RequestId): (.*)$", text, re.MULTILINE))
        assert "ErrorCode" in fields, text
        raise Refused(None, fields["ErrorCode"], fields["Message"], fields["RequestId"])


CLIENTS = {
    "aliyun-python-sdk-kms": OldPython,
    "alibabacloud_kms20160120 v3": TeaPython,
    "alibabacloud_kms20160120 v1": partial(TeaPython, signature_algorithm="v2"),
    "alibabacloud_kms20160120 v4": TeaPythonV4,
    "@alicloud/kms20160120": NodeKms,
    "@alicloud/pop-core": PopCore,
    "@alicloud/pop-core GET": partial(PopCore, method="GET"),
    "alibaba-cloud-sdk-go": Go,
    "aliyun-java-sdk-kms": Java,
} | ({"aliyun": AliyunCli} if shutil.which("aliyun") else {})


def node_with_types(server, program, product=KMS, **settings):
    """Returns the typed Node.js client of a product."""
    if product == KMS:
        return NodeKms(server, program, **settings)
    return NodeTea(server, program, product, **settings)


# The clients of KMS, RAM and STS, by their language or core.
FAMILIES = {
    "aliyun-python-sdk": OldPython,
    "alibabacloud for Python": TeaPython,
    "alibabacloud for Python v1": partial(TeaPython, signature_algorithm="v2"),
    "@alicloud with types": node_with_types,
    "@alicloud/pop-core": PopCore,
    "@alicloud/pop-core GET": partial(PopCore, method="GET"),
    "alibaba-cloud-sdk-go": Go,
}


def as_json(parameters):
    """Returns parameters whose mappings, which are encryption contexts, are JSON text."""
    return {
        name: json.dumps(value) if isinstance(value, dict) else value for name, value in parameters.items()
    }


def flat(parameters):
    """Returns parameters as text under their names on the wire: ResourceId.1, Tag.1.Key."""
    texts = {}
    for name, value in as_json(parameters).items():
        items = value if isinstance(value, list) else []
        for number, item in enumerate(items, start=1):
            fields = (
                {f".{field}": text for field, text in item.items()} if isinstance(item, dict) else {"": item}
            )
            texts |= {f"{name}.{number}{field}": text for field, text in fields.items()}
        if not items:
            texts[name] = str(value)
    return texts


def names(value):
    """Returns the names of all fields of a reply, including nested ones."""
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return itertools.chain(value if isinstance(value, dict) else (), *map(names, items))


def plain(value):
    """Returns a reply with unwrapped lists, such as {"Keys": [...]} for {"Keys": {"Key": [...]}}, as Java does."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        [only] = value.values()
        if only is None or isinstance(only, list):
            return plain(only or [])
    return {name: plain(item) for name, item in value.items()}
