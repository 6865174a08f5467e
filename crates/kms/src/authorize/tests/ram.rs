//! Every action of RAM checks the permission for each of its resources before it reveals anything about one.

use super::ram_subjects::{PEOPLE, People};
use super::*;
use crate::people::MfaDevice;

/// Returns a case for each action, about one set of people.
pub(super) fn cases(p: &People) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |action: &'static str, parameters: &[(&'static str, &str)], resources: &[&str]| {
        let parameters = parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let queries = resources.iter().map(|resource| format!("{action} {resource}")).collect();
        cases.push(Case { product: Product::Ram, action, parameters, queries });
    };

    let user = ("UserName", &*p.user);
    let of_user = &*p.user_resource;
    case("CreateUser", &[("UserName", "taken")], &["user/*"]);
    case("ListUsers", &[], &["user/*"]);
    let about_user: [(_, &[_]); 3] =
        [("GetUser", &[user]), ("UpdateUser", &[user, ("NewComments", "other")]), ("DeleteUser", &[user])];
    for (action, parameters) in about_user {
        case(action, parameters, &[of_user]);
    }
    let new = [user, ("NewUserName", "renamed")];
    case("UpdateUser", &new, &[of_user, "user/renamed"]);

    let password = ("Password", "abcDEF-12");
    let about_login: [(_, &[_]); 6] = [
        ("GetLoginProfile", &[user]),
        ("UpdateLoginProfile", &[user, password]),
        ("CreateLoginProfile", &[user, password]),
        ("GetLoginProfile", &[user]),
        ("UpdateLoginProfile", &[user, ("PasswordResetRequired", "true")]),
        ("DeleteLoginProfile", &[user]),
    ];
    for (action, parameters) in about_login {
        case(action, parameters, &[of_user]);
    }

    let device = ("SerialNumber", &*p.device);
    case("CreateVirtualMFADevice", &[("VirtualMFADeviceName", "taken")], &["mfa/*"]);
    case("ListVirtualMFADevices", &[], &["mfa/*"]);
    let codes = [("AuthenticationCode1", "123456"), ("AuthenticationCode2", "123456")];
    case("BindMFADevice", &[user, device, codes[0], codes[1]], &[of_user, &p.device_resource]);
    case("GetUserMFAInfo", &[user], &[of_user]);
    case("UnbindMFADevice", &[user], &[of_user]);
    case("DeleteVirtualMFADevice", &[device], &[&p.device_resource]);

    let key = ("UserAccessKeyId", &*p.access_key);
    let about_keys: [(_, &[_]); 5] = [
        ("CreateAccessKey", &[user]),
        ("ListAccessKeys", &[user]),
        ("GetAccessKeyLastUsed", &[user, key]),
        ("UpdateAccessKey", &[user, key, ("Status", "Inactive")]),
        ("DeleteAccessKey", &[user, key]),
    ];
    for (action, parameters) in about_keys {
        case(action, parameters, &[of_user]);
    }

    case("ListAccessKeys", &[], &["*"]); // of root, the caller

    let group = ("GroupName", &*p.group);
    let of_group = &*p.group_resource;
    case("CreateGroup", &[("GroupName", "taken")], &["group/*"]);
    case("ListGroups", &[], &["group/*"]);
    let about_group: [(_, &[_]); 4] = [
        ("GetGroup", &[group]),
        ("UpdateGroup", &[group, ("NewComments", "other")]),
        ("DeleteGroup", &[group]),
        ("ListUsersForGroup", &[group]),
    ];
    for (action, parameters) in about_group {
        case(action, parameters, &[of_group]);
    }
    let new = [group, ("NewGroupName", "renamed")];
    case("UpdateGroup", &new, &[of_group, "group/renamed"]);
    case("AddUserToGroup", &[user, group], &[of_user, of_group]);
    case("RemoveUserFromGroup", &[user, group], &[of_user, of_group]);
    case("ListGroupsForUser", &[user], &[of_user]);

    case("SetAccountAlias", &[("AccountAlias", "team")], &["*"]);
    case("GetAccountAlias", &[], &["*"]);
    case("ClearAccountAlias", &[], &["*"]);
    cases.extend(ram_policies::cases(p));
    cases
}

/// Whether the message of a denial names the account, all of a kind, or what the request contains.
pub(super) fn names_what_was_written(case: &Case, message: &str) -> bool {
    let named =
        message.strip_prefix("You are not authorized to do this action. Resource: acs:ram:*:").unwrap();
    let (arn, action) = named.split_once(" Action: ram:").unwrap();
    let (_, resource) = arn.split_once(':').unwrap();
    let name = resource.split_once('/').map_or(resource, |(_, name)| name);
    action == case.action && (name == "*" || has_written(case, name))
}

/// Whether the request contains the name: as a parameter, in a list, or in a serial number.
fn has_written(case: &Case, name: &str) -> bool {
    let listed = format!("{name:?}");
    let serial_number = MfaDevice::serial_number("111122223333", name);
    case.parameters
        .iter()
        .any(|(_, value)| value == name || value.contains(&listed) || *value == serial_number)
}

#[test]
fn each_resource_of_ram_is_checked_before_anything_is_revealed() {
    let bench = Bench::new();
    let mut seen = BTreeSet::new();
    for new in PEOPLE {
        let mut people = new(&bench);
        for number in 0..cases(&people).len() {
            let case = cases(&people).swap_remove(number);
            let label = format!("{} of {}: {:?}", case.action, people.label, case.parameters);
            check_denials(&bench, &case, &label);
            if check_questions(&bench, &case, &label) {
                people = new(&bench);
            }
            seen.insert(case.action);
        }
    }
    let table: BTreeSet<_> = Product::Ram.actions().iter().copied().collect();
    assert_eq!(seen, table, "each action of the table has its case");
}
