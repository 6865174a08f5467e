"""The official credentials libraries behind one interface: from a configuration to credentials with the API's names."""

import re


class Failed(Exception):
    """The library found no credentials. Contains its message."""


class Library:
    """A library, driven by a program in its language."""

    # The program, and the family of clients that use the credentials.
    language: str
    family: str

    def __init__(self, program):
        self._program = program

    def find(self, configuration):
        """Returns the credentials for a configuration. If it is empty, the library uses its default chain."""
        names = {self.spelled(name): value for name, value in configuration.items()}
        outcome = self._program.ask(credentials=names)
        if "error" in outcome:
            raise Failed(outcome["error"]["message"])
        return outcome["reply"]

    def spelled(self, name):
        """Returns the library's name of a setting."""
        return name


class PythonLibrary(Library):
    """alibabacloud_credentials; a GET with everything in the query, signature v1."""

    language = "python"
    family = "alibabacloud for Python"


class NodeLibrary(Library):
    """@alicloud/credentials; a POST whose parameters are partly in the query and partly in the form, signature v1."""

    language = "node"
    family = "@alicloud with types"

    def spelled(self, name):
        return re.sub("_(.)", lambda match: match[1].upper(), name)


class GoLibrary(Library):
    """credentials-go; requests as in Node.js."""

    language = "go"
    family = "alibaba-cloud-sdk-go"

    def spelled(self, name):
        return {"oidc_token_file_path": "oidc_token"}.get(name, name)


LIBRARIES = {
    "alibabacloud_credentials": PythonLibrary,
    "@alicloud/credentials": NodeLibrary,
    "credentials-go": GoLibrary,
}
