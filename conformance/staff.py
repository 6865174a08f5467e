"""Users, groups, policies and roles of one test, deleted after it."""

from expect import new_name, policy


class Staff:
    """Creates and deletes them with the clients of the account's root."""

    def __init__(self, root):
        self._root = root
        self._made = {"User": [], "Group": [], "Role": [], "Policy": []}

    def user(self):
        """Creates a user and returns its name."""
        return self._make("User")

    def group(self):
        """Creates a group and returns its name."""
        return self._make("Group")

    def role(self, trust):
        """Creates a role and returns its name."""
        return self._make("Role", AssumeRolePolicyDocument=trust)

    def policy(self, *statements):
        """Creates a custom policy and returns its name."""
        return self._make("Policy", PolicyDocument=policy(*statements))

    def caller(self, *statements):
        """Creates a user with these statements. Returns the name, and the caller with an access key of the user."""
        name = self.user()
        key = self._root.ram("CreateAccessKey", UserName=name)["AccessKey"]
        if statements:
            self.grant("User", name, *statements)
        return name, self._root.called_with(key)

    def grant(self, kind, name, *statements):
        """Attaches a new policy to a user, group or role. Returns its name."""
        given = self.policy(*statements)
        self.attach(given, kind, name)
        return given

    def attach(self, given, kind, name):
        """Attaches a custom policy to a user, group or role."""
        place = {f"{kind}Name": name}
        self._root.ram(f"AttachPolicyTo{kind}", PolicyType="Custom", PolicyName=given, **place)

    def dismiss(self):
        """Deletes everything that was created, with what belongs to it."""
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
        """Excludes from the deletion what the test itself deletes or renames."""
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
