"""The official credentials libraries behind one call: a configuration in, temporary credentials by the API's names out."""

import re


class Failed(Exception):
    """The library found no credentials; what it says."""


class Library:
    """A library, driven by the program of its language."""

    # The program, and the family of clients that call with what the library finds.
    language: str
    family: str

    def __init__(self, program):
        self._program = program

    def find(self, configuration):
        """What is in the credentials that it finds; where it looks by itself, if the configuration is empty."""
        names = {self.spelled(name): value for name, value in configuration.items()}
        outcome = self._program.ask(credentials=names)
        if "error" in outcome:
            raise Failed(outcome["error"]["message"])
        return outcome["reply"]

    def spelled(self, name):
        """The name of a setting, as the library has it."""
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
