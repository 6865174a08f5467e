"""Users, groups, policies and roles that a test makes for itself; they are deleted after it."""

from expect import new_name, policy


class Staff:
    """Makes them through the clients of the account's root."""

    def __init__(self, root):
        self._root = root
        self._made = {"User": [], "Group": [], "Role": [], "Policy": []}

    def user(self):
        """The name of a new user."""
        return self._make("User")

    def group(self):
        """The name of a new group."""
        return self._make("Group")

    def role(self, trust):
        """The name of a new role."""
        return self._make("Role", AssumeRolePolicyDocument=trust)

    def policy(self, *statements):
        """The name of a new policy of the account."""
        return self._make("Policy", PolicyDocument=policy(*statements))

    def caller(self, *statements):
        """A new user who may do what the statements say: the name, and the one who calls with an access key."""
        name = self.user()
        key = self._root.ram("CreateAccessKey", UserName=name)["AccessKey"]
        if statements:
            self.grant("User", name, *statements)
        return name, self._root.called_with(key)

    def grant(self, kind, name, *statements):
        """Attaches a new policy to a user, group or role; its name."""
        given = self.policy(*statements)
        self.attach(given, kind, name)
        return given

    def attach(self, given, kind, name):
        """Attaches a policy of the account to a user, group or role."""
        place = {f"{kind}Name": name}
        self._root.ram(f"AttachPolicyTo{kind}", PolicyType="Custom", PolicyName=given, **place)

    def dismiss(self):
        """Deletes what was made, and what belongs to it."""
        ram = self._root.ram
        for kind in ("User", "Group", "Role"):
            for name in self._made[kind]:
                self._strip(kind, name)
        for name in self._made["User"]:
            for key in ram("ListAccessKeys", UserName=name)["AccessKeys"]:
                ram("DeleteAccessKey", UserName=name, UserAccessKeyId=key["AccessKeyId"])
            for group in ram("ListGroupsForUser", UserName=name)["Groups"]:
                ram("RemoveUserFromGroup", UserName=name, GroupName=group["GroupName"])
        for kind, names in self._made.items():
            extra = {"CascadingDelete": True} if kind == "Policy" else {}
            for name in names:
                ram(f"Delete{kind}", **{f"{kind}Name": name}, **extra)

    def forget(self, kind, name):
        """Leaves out what the test deletes, or renames."""
        self._made[kind].remove(name)

    def _make(self, kind, **parameters):
        name = new_name()
        self._root.ram(f"Create{kind}", **{f"{kind}Name": name}, **parameters)
        self._made[kind].append(name)
        return name

    def _strip(self, kind, name):
        place = {f"{kind}Name": name}
        for attached in self._root.ram(f"ListPoliciesFor{kind}", **place)["Policies"]:
            given = {"PolicyType": attached["PolicyType"], "PolicyName": attached["PolicyName"]}
            self._root.ram(f"DetachPolicyFrom{kind}", **given, **place)
