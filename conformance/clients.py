"""The official Python clients, pointed at a server of ours. Nothing in them is patched or replaced."""

import importlib
import json
import re

from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.utils_models import Config
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.http import protocol_type
from aliyunsdkcore.request import CommonRequest

REGION = "cn-hangzhou"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class OldSdk:
    """aliyun-python-sdk-core and -kms: signature v1, parameters in the query of a POST."""

    def __init__(self, server, access_key_id=None, access_key_secret=None):
        self.server = server
        self.client = AcsClient(
            access_key_id or server.access_key_id,
            access_key_secret or server.access_key_secret,
            REGION,
            verify=server.ca if server.scheme == "https" else None,
        )
        # The request classes ask for HTTPS; only a scheme in the endpoint overrides that.
        self.client.add_endpoint(REGION, "Kms", server.address if server.scheme == "https" else server.url)

    def request(self, action, **parameters):
        """The SDK's own request class for an action, filled by its setters."""
        module = importlib.import_module(f"aliyunsdkkms.request.v20160120.{action}Request")
        request = getattr(module, f"{action}Request")()
        for name, value in parameters.items():
            getattr(request, f"set_{name}")(value)
        return request

    def common_request(self, action, method="POST"):
        """A request for any action, without a class of its own."""
        request = CommonRequest(domain=self.server.address, version="2016-01-20", action_name=action)
        # The SDK compares this with `is`: an equal string would not do.
        request.set_protocol_type(
            protocol_type.HTTPS if self.server.scheme == "https" else protocol_type.HTTP
        )
        request.set_method(method)
        return request

    def call(self, action, **parameters):
        """Asks, and gives the parsed reply or raises what the SDK raises."""
        return self.send(self.request(action, **parameters))

    def send(self, request):
        """The same for a request at hand."""
        return self._seen(json.loads(self.client.do_action_with_exception(request)))

    def send_as_it_is(self, request):
        """The SDK's older entry, which the guide uses: no default format, no exceptions, bytes."""
        return self.client.do_action(request)

    def _seen(self, reply):
        if "Plaintext" in reply:
            self.server.remember(reply["Plaintext"])
        return reply


class TeaSdk:
    """alibabacloud_kms20160120: signature v3."""

    def __init__(self, server, **config):
        self.server = server
        settings = {
            "access_key_id": server.access_key_id,
            "access_key_secret": server.access_key_secret,
            "region_id": REGION,
            "endpoint": server.address,
            "ca": server.ca,
        }
        self.client = Client(Config(**settings | config))

    def call(self, action, **fields):
        """Asks with the SDK's own request model and gives the body of its response model."""
        request = getattr(models, f"{action}Request")(**fields)
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        response = getattr(self.client, method)(request)
        assert response.status_code == 200
        if plaintext := getattr(response.body, "plaintext", None):
            self.server.remember(plaintext)
        return response.body
