"""The official Python clients, unmodified, configured for a server of bulla."""

import importlib
import json
import re
from dataclasses import dataclass

from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.auth.credentials import StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http import protocol_type
from aliyunsdkcore.request import CommonRequest

REGION = "cn-hangzhou"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Product:
    """A product of the cloud: its name, and the version in its requests."""

    name: str
    version: str

    @property
    def compact_version(self):
        """The version in the names of client packages."""
        return self.version.replace("-", "")

    @property
    def tea(self):
        """The end of the names of its Tea clients, such as kms20160120 in alibabacloud_kms20160120."""
        return f"{self.name.lower()}{self.compact_version}"


KMS = Product("Kms", "2016-01-20")
RAM = Product("Ram", "2015-05-01")
STS = Product("Sts", "2015-04-01")


class OldSdk:
    """aliyun-python-sdk-core and -kms, -ram, -sts: signature v1, parameters in the query of a POST."""

    def __init__(self, server, access_key_id=None, access_key_secret=None, product=KMS):
        self.server = server
        self.product = product
        caller = (access_key_id or server.access_key_id, access_key_secret or server.access_key_secret)
        # An access key would take precedence over a credential.
        if server.security_token:
            caller = {"credential": StsTokenCredential(*caller, server.security_token)}
        else:
            caller = {"ak": caller[0], "secret": caller[1]}
        verify = server.ca if server.scheme == "https" else None
        self.client = AcsClient(region_id=REGION, verify=verify, **caller)
        # The request classes use HTTPS; only a scheme in the endpoint overrides that.
        endpoint = server.address if server.scheme == "https" else server.url
        self.client.add_endpoint(REGION, product.name, endpoint)

    def request(self, action, **parameters):
        """Returns the SDK's request object for an action, filled with its setters."""
        package = f"aliyunsdk{self.product.name.lower()}.request.v{self.product.compact_version}"
        module = importlib.import_module(f"{package}.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            getattr(request, f"set_{name}")(value)
        return request

    def common_request(self, action, method="POST"):
        """Returns a generic request for any action."""
        request = CommonRequest(domain=self.server.address, version=self.product.version, action_name=action)
        # The SDK compares this with `is`, so an equal string does not work.
        request.set_protocol_type(
            protocol_type.HTTPS if self.server.scheme == "https" else protocol_type.HTTP
        )
        request.set_method(method)
        return request

    def call(self, action, **parameters):
        """Calls an action. Returns the parsed reply, or raises what the SDK raises."""
        return self.send(self.request(action, **parameters))

    def send(self, request):
        """Sends a request. Returns the parsed reply, or raises what the SDK raises."""
        return self._seen(json.loads(self.client.do_action_with_exception(request)))

    def send_as_it_is(self, request):
        """Sends a request with the SDK's older method, which the guide uses: no default format, no exceptions, bytes."""
        return self.client.do_action(request)

    def _seen(self, reply):
        if "Plaintext" in reply:
            self.server.remember(reply["Plaintext"])
        return reply


class TeaSdk:
    """alibabacloud_kms20160120, _ram20150501 and _sts20150401: signature v3."""

    def __init__(self, server, product=KMS, **config):
        self.server = server
        package = f"alibabacloud_{product.tea}"
        self.models = importlib.import_module(f"{package}.models")
        settings = {
            "access_key_id": server.access_key_id,
            "access_key_secret": server.access_key_secret,
            "security_token": server.security_token,
            "region_id": REGION,
            "endpoint": server.address,
            "ca": server.ca,
        }
        client = importlib.import_module(f"{package}.client").Client
        self.client = client(Config(**settings | config))

    def call(self, action, **fields):
        """Calls an action with the SDK's request model. Returns the body of its response model."""
        request = getattr(self.models, f"{action}Request")(**fields)
        response = self.method(action)(request)
        assert response.status_code == 200
        if plaintext := getattr(response.body, "plaintext", None):
            self.server.remember(plaintext)
        return response.body

    def method(self, action):
        """Returns the client's method for an action, if it has one."""
        return getattr(self.client, re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", action).lower(), None)
