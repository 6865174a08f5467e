//! A denied caller of RAM cannot find out whether a user, group, role or policy exists.

use super::people::{Account, EVERYTHING, allowing, by};
use super::ram::cases;
use super::ram_subjects::{PEOPLE, People};
use super::*;
use crate::people::PrincipalId;

/// The rights of the caller.
struct Rule {
    label: &'static str,
    policy: fn(&People) -> Option<String>,
}

const RULES: [Rule; 4] = [
    Rule { label: "no policy", policy: |_| None },
    Rule {
        label: "everything to others",
        policy: |_| {
            let others = ["user", "group", "role", "policy", "mfa"]
                .map(|kind| format!(r#""acs:ram:*:*:{kind}/other*""#));
            Some(allowing(r#""ram:*""#, &format!("[{}]", others.join(",")), ""))
        },
    },
    Rule {
        label: "a Deny for these",
        policy: |people| {
            let deny = format!(r#"{{"Effect":"Deny","Action":"ram:*","Resource":[{}]}}"#, resources(people));
            Some(EVERYTHING.replace(r#""Statement":["#, &format!(r#""Statement":[{deny},"#)))
        },
    },
    Rule {
        label: "a Deny of everything",
        policy: |_| {
            let deny = r#"{"Effect":"Deny","Action":"ram:*","Resource":"*"}"#;
            Some(EVERYTHING.replace(r#""Statement":["#, &format!(r#""Statement":[{deny},"#)))
        },
    },
];

fn resources(people: &People) -> String {
    let resources = [
        &people.user_resource,
        &people.group_resource,
        &people.role_resource,
        &people.policy_resource,
        &people.system_policy_resource,
        &people.device_resource,
    ];
    resources.map(|resource| format!(r#""acs:ram:*:*:{resource}""#)).join(",")
}

/// An account, and a user in it with a policy of its own.
struct Requester {
    account: Account,
    user: PrincipalId,
}

impl Requester {
    fn new(bench: &Bench, name: &str, policy: Option<&str>) -> Self {
        let account = Account::of(bench);
        let user = account.user(name);
        if let Some(policy) = policy {
            account.allow_by(name, policy, name);
        }
        Self { account, user }
    }

    /// The reply in the encoding of the protocol, without the id of the user.
    fn answer(&self, case: &Case) -> String {
        let parameters: Vec<_> = case.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
        let request = request_to(Product::Ram, case.action, &parameters);
        let answer = match pollster::block_on(self.account.kms.call(request, &by(self.user))) {
            Ok(reply) => serde_json::to_string(&reply).unwrap(),
            Err(error) => {
                let region = self.account.kms.region();
                bulla_wire::render_error(bulla_wire::ReplyFormat::Json, Product::Ram, &error, "r", region)
                    .to_string()
            }
        };
        answer.replace(&self.user.to_string(), "<user>")
    }
}

/// Sends the same requests to an account with the people and to one without them.
#[test]
fn a_denied_answer_of_ram_is_the_same_where_the_resource_does_not_exist() {
    let [with, without] = [(); 2].map(|()| Bench::with(Authorizer::Policies));
    let mut compared = BTreeSet::new();
    for (number, rule) in RULES.iter().enumerate() {
        let people = PEOPLE[0](&with);
        let policy = (rule.policy)(&people);
        let [one, other] = [&with, &without]
            .map(|bench| Requester::new(bench, &format!("asking{number}"), policy.as_deref()));
        for case in cases(&people) {
            let [first, second] = [&one, &other].map(|requester| requester.answer(&case));
            if first.contains("NoPermission") {
                assert_eq!(first, second, "{}: {} {:?}", rule.label, case.action, case.parameters);
                compared.insert(case.action);
            }
        }
    }
    let all: BTreeSet<_> = cases(&PEOPLE[0](&with)).iter().map(|case| case.action).collect();
    assert_eq!(compared, all);
}

/// The permission for one name does not reveal whether that name exists.
#[test]
fn only_a_caller_with_the_permission_for_all_learns_what_is_missing() {
    let [with, without] = [(); 2].map(|()| Bench::with(Authorizer::Policies));
    let people = PEOPLE[0](&with);
    let named = allowing(r#""ram:*""#, &format!("[{}]", resources(&people)), "");
    let requester = Requester::new(&without, "one", Some(&named));
    let administrator = Requester::new(&without, "all", Some(EVERYTHING));
    let mut revealed = BTreeSet::new();
    for case in cases(&people) {
        if administrator.answer(&case).contains("EntityNotExist.") && !is_about_system_policies(&case) {
            let answer = requester.answer(&case);
            assert!(
                answer.contains(r#""Code":"NoPermission""#),
                "{} {:?}: {answer}",
                case.action,
                case.parameters
            );
            revealed.insert(case.action);
        }
    }
    for action in ["GetUser", "AttachPolicyToGroup", "UpdateRole", "DeletePolicyVersion", "TagResources"] {
        assert!(revealed.contains(action), "{action}");
    }
}

/// All accounts have the same system policies.
fn is_about_system_policies(case: &Case) -> bool {
    case.parameters.contains(&("PolicyType", "System".into())) && !case.action.contains("tach")
}
