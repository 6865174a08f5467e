"""The life of users, access keys and groups with every family of official clients that supports RAM."""

from expect import every_marked, new_name, refused


# Users


def test_users(root):
    name, new = new_name(), new_name()
    details = {"DisplayName": "小明 Ming", "MobilePhone": "86-18600008888", "Email": "ming@example.com"}
    created = root.ram("CreateUser", UserName=name, Comments="销售 & co. + *~'()!", **details)["User"]
    assert created | details == created
    got = root.ram("GetUser", UserName=name)["User"]
    assert got | details | {"UserId": created["UserId"], "Comments": "销售 & co. + *~'()!"} == got

    for same in (name, name.upper()):
        with refused("EntityAlreadyExists.User", 409, "The user does already EXIST."):
            root.ram("CreateUser", UserName=same)

    changed = root.ram("UpdateUser", UserName=name, NewUserName=new, NewComments="moved")["User"]
    assert (changed["UserId"], changed["UserName"]) == (created["UserId"], new)
    assert (changed["Comments"], changed["Email"]) == ("moved", "ming@example.com")
    with refused("EntityNotExist.User", 404, "The user does not exist."):
        root.ram("GetUser", UserName=name)

    root.ram("DeleteUser", UserName=new)
    for action in ("GetUser", "DeleteUser", "ListAccessKeys"):
        with refused("EntityNotExist.User", 404, "The user does not exist."):
            root.ram(action, UserName=new)


def test_wrong_parameters_of_users(root):
    with refused("MissingParameter", 400, "Parameter UserName is required."):
        root.ram("GetUser")
    with refused("InvalidParameter.UserName.InvalidChars", 400, 'The parameter - "UserName" contains invalid'):
        root.ram("CreateUser", UserName="no spaces")
    with refused("InvalidParameter.UserName.Length", 400, 'The parameter - "UserName" beyond the length limit.'):
        root.ram("CreateUser", UserName="a" * 65)
    with refused("InvalidParameter.Email.Format", 400, 'The format of the parameter - "Email" is incorrect.'):
        root.ram("CreateUser", UserName=new_name(), Email="nowhere")


def test_list_users(root):
    names = {new_name(), new_name(), new_name()}
    for name in names:
        root.ram("CreateUser", UserName=name)
    entries = every_marked(root.ram, "ListUsers", "Users", MaxItems=2)
    listed = [entry["UserName"] for entry in entries]
    assert names <= set(listed) and len(listed) == len(set(listed))
    for name in names:
        root.ram("DeleteUser", UserName=name)


# Access keys


def test_access_keys(root, staff):
    user = staff.user()
    created = root.ram("CreateAccessKey", UserName=user)["AccessKey"]
    assert created["Status"] == "Active" and len(created["AccessKeySecret"]) == 30
    alice = root.called_with(created)
    identity = alice.sts("GetCallerIdentity")
    account = root.account
    expected = {
        "IdentityType": "RAMUser",
        "AccountId": account,
        "UserId": root.ram("GetUser", UserName=user)["User"]["UserId"],
        "Arn": f"acs:ram::{account}:user/{user}",
    }
    assert identity | expected == identity

    key_id = created["AccessKeyId"]
    second = root.ram("CreateAccessKey", UserName=user)["AccessKey"]["AccessKeyId"]
    with refused("LimitExceeded.User.AccessKey", 409, "The access key count of the user access keys beyond"):
        root.ram("CreateAccessKey", UserName=user)
    keys = root.ram("ListAccessKeys", UserName=user)["AccessKeys"]
    assert {key["AccessKeyId"] for key in keys} == {key_id, second}
    assert not any(key.get("AccessKeySecret") for key in keys)
    used = root.ram("GetAccessKeyLastUsed", UserName=user, UserAccessKeyId=key_id)
    assert "AccessKeyLastUsed" in used

    root.ram("UpdateAccessKey", UserName=user, UserAccessKeyId=key_id, Status="Inactive")
    with refused("Forbidden.AccessKey", 403, "This AccessKey is not enabled."):
        alice.sts("GetCallerIdentity")
    root.ram("UpdateAccessKey", UserName=user, UserAccessKeyId=key_id, Status="Active")
    alice.sts("GetCallerIdentity")
    root.ram("DeleteAccessKey", UserName=user, UserAccessKeyId=key_id)
    with refused("InvalidAccessKeyId.NotFound", 404):
        alice.sts("GetCallerIdentity")
    with refused("EntityNotExist.User.AccessKey", 404, "The user access key does not exist."):
        root.ram("DeleteAccessKey", UserName=user, UserAccessKeyId=key_id)
    with refused("DeleteConflict.User.AccessKey", 409, "The user CAN NOT has any access key while deleting"):
        root.ram("DeleteUser", UserName=user)


def test_a_user_may_do_nothing_at_first(root, staff):
    user, alice = staff.caller()
    arn = f"acs:ram:*:{root.account}:user/"
    denied = "You are not authorized to do this action. Resource: {} Action: ram:{}"
    with refused("NoPermission", 403, denied.format(f"{arn}*", "CreateUser")):
        alice.ram("CreateUser", UserName=new_name())
    # The same message for an existing and a missing user.
    for name in (user, new_name()):
        with refused("NoPermission", 403, denied.format(f"{arn}{name}", "GetUser")):
            alice.ram("GetUser", UserName=name)
    # The default is the user's own name, for which there is no permission either.
    with refused("NoPermission", 403, denied.format(f"{arn}{user}", "ListAccessKeys")):
        alice.ram("ListAccessKeys")
    with refused("Forbidden.NoPermission", 403, "is forbidden by permission system."):
        alice.kms("ListKeys")


# Groups


def test_groups(root, staff):
    user = staff.user()
    name, new = new_name(), new_name()
    created = root.ram("CreateGroup", GroupName=name, Comments="staff")["Group"]
    assert (created["GroupName"], created["Comments"]) == (name, "staff")
    with refused("EntityAlreadyExists.Group", 409, "The group does already EXIST."):
        root.ram("CreateGroup", GroupName=name)
    root.ram("UpdateGroup", GroupName=name, NewGroupName=new)
    with refused("EntityNotExist.Group", 404, "The group does not exist."):
        root.ram("GetGroup", GroupName=name)
    assert root.ram("GetGroup", GroupName=new)["Group"]["Comments"] == "staff"
    assert new in {group["GroupName"] for group in every_marked(root.ram, "ListGroups", "Groups")}

    root.ram("AddUserToGroup", UserName=user, GroupName=new)
    with refused("EntityAlreadyExists.User.Group", 409, "The user has already joined the group."):
        root.ram("AddUserToGroup", UserName=user, GroupName=new)
    [joined] = root.ram("ListGroupsForUser", UserName=user)["Groups"]
    assert joined["GroupName"] == new and joined["JoinDate"]
    [member] = root.ram("ListUsersForGroup", GroupName=new)["Users"]
    assert member["UserName"] == user and member["JoinDate"]
    with refused("DeleteConflict.Group.User", 409, "The group CAN NOT has any user member while deleting"):
        root.ram("DeleteGroup", GroupName=new)
    with refused("DeleteConflict.User.Group", 409, "The user CAN NOT be in any group while deleting"):
        root.ram("DeleteUser", UserName=user)

    root.ram("RemoveUserFromGroup", UserName=user, GroupName=new)
    with refused("EntityNotExist.User.Group", 404, "The user has not joined the group."):
        root.ram("RemoveUserFromGroup", UserName=user, GroupName=new)
    root.ram("DeleteGroup", GroupName=new)
    with refused("EntityNotExist.Group", 404, "The group does not exist."):
        root.ram("DeleteGroup", GroupName=new)


def test_a_user_is_in_five_groups_at_most(root, staff):
    user = staff.user()
    groups = [staff.group() for _ in range(6)]
    for group in groups[:5]:
        root.ram("AddUserToGroup", UserName=user, GroupName=group)
    with refused("LimitExceeded.User.Group", 409, "The count of groups the target user joined beyond"):
        root.ram("AddUserToGroup", UserName=user, GroupName=groups[5])


# The account


def test_account_alias(root):
    alias = new_name()[:32]
    root.ram("SetAccountAlias", AccountAlias=alias)
    assert root.ram("GetAccountAlias")["AccountAlias"] == alias
    with refused("InvalidParameter.AccountAlias.Format", 400):
        root.ram("SetAccountAlias", AccountAlias="-no-")
    root.ram("ClearAccountAlias")
    assert not root.ram("GetAccountAlias").get("AccountAlias")


# Requests without types


def test_a_request_without_types(root):
    with refused("EntityNotExist.User", 404, "The user does not exist."):
        root.ram.common("GetUser", {"UserName": new_name()})
    # An action of another product, and one that two products have.
    with refused("InvalidAction.NotFound", 404, "Specified api is not found"):
        root.ram.common("AssumeRole", {})
    with refused("InvalidAction.NotFound", 404, "Specified api is not found"):
        root.sts.common("ListUsers", {})

