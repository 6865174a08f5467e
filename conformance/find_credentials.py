"""Prints the credentials that the official Python library finds.

A line of standard input is JSON: {credentials}, the configuration of the library. If it is empty, the library uses its
default chain. A line of standard output is JSON: {reply} or {error: {message}}.
"""

import json
import sys

from alibabacloud_credentials.client import Client
from alibabacloud_credentials.models import Config


def find(configuration):
    """Returns the credentials for a configuration."""
    client = Client(Config(**configuration)) if configuration else Client()
    found = client.get_credential()
    return {
        "AccessKeyId": found.access_key_id,
        "AccessKeySecret": found.access_key_secret,
        "SecurityToken": found.security_token,
    }


for line in sys.stdin:
    try:
        answer = {"reply": find(json.loads(line)["credentials"])}
    except Exception as error:  # the library has no common class for its exceptions
        answer = {"error": {"message": str(error)}}
    print(json.dumps(answer), flush=True)
