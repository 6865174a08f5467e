"""Tells what the official Python library of credentials finds.

A line of standard input is JSON: {credentials}, which is what configures the library; empty, it looks where it does by
itself. A line of standard output is JSON: {reply} or {error: {message}}.
"""

import json
import sys

from alibabacloud_credentials.client import Client
from alibabacloud_credentials.models import Config


def find(configuration):
    """The reply to a question."""
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
    except Exception as error:  # the library has no class for all that it raises
        answer = {"error": {"message": str(error)}}
    print(json.dumps(answer), flush=True)
