"""A caller of a server: root, a user or a session, with the official clients of one family for all products."""

from functools import cached_property

from clients import KMS, RAM, STS


class Person:
    """A caller; `kms`, `ram` and `sts` call as in every_client.Client, with this caller's credentials."""

    def __init__(self, family, server, program):
        self._family = family
        self._program = program
        self.server = server

    @cached_property
    def kms(self):
        return self._family(self.server, self._program)

    @cached_property
    def ram(self):
        return self._family(self.server, self._program, product=RAM)

    @cached_property
    def sts(self):
        return self._family(self.server, self._program, product=STS)

    def called_with(self, credentials):
        """Returns the caller with the credentials of a reply, with clients of the same family."""
        self.server.remember(credentials["AccessKeySecret"])
        if token := credentials.get("SecurityToken"):
            self.server.remember(token)
        return Person(self._family, self.server.called_with(credentials), self._program)

    @property
    def account(self):
        """The id of the account."""
        return self.sts("GetCallerIdentity")["AccountId"]
