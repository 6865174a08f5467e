//! What the requests of the RAM cases name: users, groups, roles, policies and MFA devices that exist, in any spelling, and
//! names without a record.

use bulla_wire::Error;
use bulla_wire::ram::PolicyType;

use super::Bench;
use crate::authorize::{Inquiry, Permission, Requested, View};
use crate::mfa::Seed;
use crate::people::{Document, Group, ManagedPolicy, MfaDevice, PrincipalId, Profile, Role, User};
use crate::state::{AccessKeyOwner, Changes, Write, random_letters};

/// Names for one case of each action of RAM, each with the resource that is checked.
pub(super) struct People {
    pub(super) label: &'static str,
    pub(super) user: String,
    pub(super) user_resource: String,
    /// An access key of the user, if there is one.
    pub(super) access_key: String,
    pub(super) group: String,
    pub(super) group_resource: String,
    pub(super) role: String,
    pub(super) role_resource: String,
    /// An MFA device, by its serial number.
    pub(super) device: String,
    pub(super) device_resource: String,
    pub(super) policy: String,
    pub(super) policy_resource: String,
    pub(super) system_policy: String,
    pub(super) system_policy_resource: String,
}

/// Creates one of each, with their own names, because a case may change them.
pub(super) const PEOPLE: [fn(&Bench) -> People; 4] = [
    existing,
    |bench| spelled_otherwise(existing(bench)),
    |bench| missing(existing(bench), "nobody", "names of none"),
    |bench| missing(existing(bench), "no name?", "texts that are no names"),
];

const ALLOW: &str =
    r#"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "kms:Encrypt", "Resource": "*"}]}"#;

fn existing(bench: &Bench) -> People {
    let suffix = &*random_letters::<8>();
    let name = |kind: &str| format!("{kind}-{suffix}");
    let user = name("User");
    let group = name("Group");
    let role = name("Role");
    let policy = name("Policy");
    let device = name("Device");
    let access_key = format!("BULLA{suffix}");
    let mut owner = User::new(user.parse().unwrap(), Profile::default(), 1);
    owner.add_access_key(&access_key, 2).unwrap();
    let secret = String::from("secret").into();
    let of_user = AccessKeyOwner::User(owner.id);
    let writes = [
        Write::AccessKey(bench.kms.keyring.access_key(access_key.as_str().into(), &secret, of_user, 1)),
        Write::Role(Role::new(role.parse().unwrap(), trust(&user, owner.id), 1)),
        Write::User(owner),
        Write::MfaDevice(bench.kms.keyring.mfa_device(device.parse().unwrap(), &Seed::random(), 1)),
        Write::Group(Group::new(group.parse().unwrap(), "".into(), 1)),
        Write::Policy(ManagedPolicy::new(policy.parse().unwrap(), ALLOW, 1).unwrap()),
    ];
    let change = Changes::for_test(writes.map(|write| (write, 0))).answering(());
    let (_, answered) = bench.kms.state.stage(1, |_| Ok::<_, Error>(change)).unwrap();
    pollster::block_on(answered).unwrap().unwrap();
    People {
        label: "people that exist",
        user_resource: format!("user/{user}"),
        user,
        access_key,
        group_resource: format!("group/{group}"),
        group,
        role_resource: format!("role/{}", role.to_lowercase()),
        role,
        device: MfaDevice::serial_number("111122223333", &device),
        device_resource: format!("mfa/{device}"),
        policy_resource: format!("policy/{policy}"),
        policy,
        system_policy: "ReadOnlyAccess".into(),
        system_policy_resource: "policy/ReadOnlyAccess".into(),
    }
}

fn trust(user: &str, id: PrincipalId) -> Document<crate::people::OfRole> {
    let text = format!(
        r#"{{"Version": "1", "Statement": [{{"Effect": "Allow", "Action": "sts:AssumeRole",
            "Principal": {{"RAM": "acs:ram::111122223333:user/{user}"}}}}]}}"#
    );
    Document::parse("111122223333", &text, |_| Some(id)).unwrap()
}

fn spelled_otherwise(people: People) -> People {
    People {
        label: "people in upper case",
        user: people.user.to_uppercase(),
        group: people.group.to_uppercase(),
        role: people.role.to_uppercase(),
        device: people.device.replace("Device", "DEVICE"),
        policy: people.policy.to_uppercase(),
        system_policy: people.system_policy.to_uppercase(),
        ..people
    }
}

fn missing(people: People, name: &str, label: &'static str) -> People {
    People {
        label,
        user: name.into(),
        user_resource: format!("user/{name}"),
        group: name.into(),
        group_resource: format!("group/{name}"),
        role: name.into(),
        role_resource: format!("role/{name}"),
        device: name.into(),
        device_resource: format!("mfa/{name}"),
        policy: name.into(),
        policy_resource: format!("policy/{name}"),
        system_policy: name.into(),
        system_policy_resource: format!("policy/{name}"),
        ..people
    }
}

#[test]
fn each_name_leads_to_its_resource() {
    let bench = Bench::new();
    let origin = bench.kms.owner();
    for people in PEOPLE {
        let people = people(&bench);
        let inquiry = Inquiry::new(&bench.kms, &origin, Requested::default());
        let snapshot = bench.kms.state.published();
        let view = View::new(&snapshot, &inquiry, Permission::RE_ENCRYPT_TO);
        let found = [
            view.ask_user(&people.user).unwrap().is_ok(),
            view.ask_group(&people.group).unwrap().is_ok(),
            view.ask_role(&people.role).unwrap().is_ok(),
            view.ask_policy(PolicyType::Custom, &people.policy).unwrap().is_ok(),
            view.ask_policy(PolicyType::System, &people.system_policy).unwrap().is_ok(),
            view.ask_mfa_device(&people.device).unwrap().is_ok(),
        ];
        let exists = people.label.starts_with("people");
        assert_eq!(found, [exists; 6], "{}", people.label);
        let queried: Vec<_> =
            inquiry.questions().iter().map(|question| question.resource.to_string()).collect();
        let expected = [
            people.user_resource,
            people.group_resource,
            people.role_resource,
            people.policy_resource,
            people.system_policy_resource,
            people.device_resource,
        ];
        assert_eq!(queried, expected, "{}", people.label);
        let key = view.ask_user(&people.user).unwrap();
        let has_key = key.is_ok_and(|user| view.access_key_of(&user, &people.access_key).is_some());
        assert_eq!(has_key, exists, "{}", people.label);
    }
}
