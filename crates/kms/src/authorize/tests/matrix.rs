//! The matrix: every action of the tables, by every kind of caller, on resources in every state and with every kind of name.
//!
//! An independent evaluator predicts for each cell whether authentication refuses the request, the authorizer denies it, or
//! it gets the same answer as root. A new action without a case fails the test.

use super::people::ACCOUNT;
use super::ram_subjects::{PEOPLE, People};
use super::subjects::Subject;
use super::*;
use crate::people::{Document, Role as PeopleRole};
use crate::state::Write;

mod callers;
mod client;
mod naive;
mod queries;

use self::callers::{CallerCase, OF_KEY, OF_SECRET, callers, trusting_only};
use self::client::Server;
use self::naive::{
    Question as PermissionQuestion, ResourcePolicies, ResourcePolicy, Rights, resource_document,
};

struct Matrix {
    server: Server,
    callers: Vec<CallerCase>,
    policies: ResourcePolicies,
    /// Product and action.
    seen: BTreeSet<(&'static str, &'static str)>,
    cells: usize,
    /// Whether one of the permitted callers is enough for a request that changes something.
    ///
    /// The function of an action does not see the caller, so its behaviour cannot differ after the permission check. The
    /// first subject of a product covers all cells nevertheless; creating new resources for each is what takes time.
    is_sampling: bool,
}

impl Matrix {
    fn new() -> Self {
        let server = Server::new();
        let callers = callers(&server);
        let mut matrix = Self {
            server,
            callers,
            policies: ResourcePolicies::default(),
            seen: BTreeSet::new(),
            cells: 0,
            is_sampling: false,
        };
        // From now on, there is a key that one caller is denied, even if the other keys are deleted.
        let key = matrix.server.account.key();
        matrix.share("SetKeyPolicy", "KeyId", &key, &format!("key/{key}"), OF_KEY);
        matrix.policies.denied_a_key.push("user/fenced");
        matrix
    }

    /// Sets the policy of a key or secret, if it exists.
    fn share(&mut self, action: &str, name: &str, value: &str, resource: &str, policy: ResourcePolicy) {
        let document = resource_document(policy);
        if self.server.bench.call(action, &[(name, value), ("Policy", &document)]).is_ok() {
            self.policies.by_arn.insert(format!("{}{resource}", subjects::ARN), policy);
        }
    }

    fn subject(&mut self, new: fn(&Bench) -> Subject) -> Subject {
        let subject = new(&self.server.bench);
        self.share("SetKeyPolicy", "KeyId", &subject.id, &subject.id_resource, OF_KEY);
        let secret = subject.secret_resource.trim_start_matches("secret/");
        self.share("SetSecretPolicy", "SecretName", secret, &subject.secret_resource, OF_SECRET);
        subject
    }

    fn exists(&self, action: &str, parameter: &str, name: &str) -> bool {
        self.server.bench.call(action, &[(parameter, name)]).is_ok()
    }

    /// Returns the permissions that a request to the KMS needs.
    fn questions(&self, case: &Case) -> Vec<PermissionQuestion> {
        let ask = |query: &String| {
            let (name, resource) = query.split_once(' ').unwrap();
            let arn = match resource {
                "*" => resource.to_owned(),
                _ if resource.starts_with("acs:") => resource.to_owned(),
                _ => format!("{}{resource}", subjects::ARN),
            };
            let whole = self.missing_from(case.action, resource);
            let whole = whole.map(|container| format!("{}{container}", subjects::ARN));
            PermissionQuestion { action: format!("kms:{name}"), arn, whole }
        };
        case.queries.iter().map(ask).collect()
    }

    /// Returns the container of the resource, if the request concerns all of it or the resource does not exist.
    fn missing_from(&self, action: &str, resource: &str) -> Option<&'static str> {
        let of_alias = ["UpdateAlias", "DeleteAlias"].contains(&action);
        match resource.split_once('/') {
            Some(("key", id)) => (!self.exists("DescribeKey", "KeyId", id)).then_some("key/"),
            Some(("secret", name)) => {
                (!self.exists("DescribeSecret", "SecretName", name)).then_some("secret/")
            }
            Some(("alias", _))
                if action == "CreateAlias" || self.exists("DescribeKey", "KeyId", resource) =>
            {
                None
            }
            Some(("alias", _)) => Some(if of_alias { "alias/" } else { "key/" }),
            Some((foreign, _)) => Some(if foreign.ends_with("secret") { "secret/" } else { "key/" }),
            None => None,
        }
    }

    /// Sends one request as every caller. `make` returns the request with new resources; it is called again whenever a
    /// request has changed something.
    fn check(
        &mut self,
        label: &str,
        make: &mut dyn FnMut(&mut Self) -> Case,
        questions: &dyn Fn(&Self, &Case) -> Vec<PermissionQuestion>,
    ) {
        let case = make(self);
        self.seen.insert((case.product.name(), case.action));
        let required = questions(self, &case);
        let before = self.server.bench.kms.state.published().clone();
        let mut allowed = Vec::new();
        for (number, caller) in self.callers.iter().enumerate() {
            let label = format!("{} about {label} by {}: {:?}", case.action, caller.label, case.parameters);
            let may = required.iter().all(|question| self.policies.allow(caller.rights, question));
            self.check_may(caller, &case, may, &label);
            match caller.rights {
                Rights::Refused(code) => {
                    let refusal = self.answer(caller, &case).expect_err(&label);
                    assert_eq!(refusal.code_text(), code, "{label}");
                }
                _ if may => allowed.push(number),
                _ => {
                    let answer = self.answer(caller, &case);
                    let text = format!("{answer:?}");
                    assert!(is_denied(&case, answer), "{label}: {text}");
                }
            }
            self.cells += 1;
        }
        let after = self.server.bench.kms.state.published().clone();
        assert!(Arc::ptr_eq(&before, &after), "{} about {label}: something was written", case.action);
        self.check_allowed(label, &allowed, case, make);
    }

    /// Checks that each of these callers gets the same reply as root.
    fn check_allowed(
        &mut self,
        label: &str,
        allowed: &[usize],
        mut case: Case,
        make: &mut dyn FnMut(&mut Self) -> Case,
    ) {
        let mut expected = None;
        // Root twice: the first request may use up a name that all requests of the case contain.
        let mut rest = allowed.to_vec();
        rest.reverse();
        rest.push(0);
        while let Some(number) = rest.pop() {
            let before = self.server.bench.kms.state.published().clone();
            let caller = &self.callers[number];
            let answer = self.answer(caller, &case);
            let label = format!("{} about {label} by {}: {:?}", case.action, caller.label, case.parameters);
            let text = format!("{answer:?}");
            let code = answer.as_ref().map(drop).map_err(Error::code_text);
            if number == 0 {
                expected = Some(code);
            } else {
                assert_eq!(Some(code), expected, "{label}: {text}");
                assert!(!is_denied(&case, answer), "{label}: {text}");
            }
            if !Arc::ptr_eq(&before, &self.server.bench.kms.state.published().clone()) {
                case = make(self);
                if self.is_sampling && number == 0 && rest.last() == Some(&0) {
                    let others = &rest[..rest.len() - 1];
                    let one = (!others.is_empty()).then(|| others[self.seen.len() % others.len()]);
                    rest = one.into_iter().chain([0]).collect();
                }
            }
        }
    }

    fn answer(&self, caller: &CallerCase, case: &Case) -> Result<Reply, Error> {
        let parameters: Vec<_> = case.parameters.iter().map(|(name, value)| (*name, &**value)).collect();
        self.server.send(caller.credentials.as_ref(), case.product, case.action, &parameters)
    }
}

#[test]
fn every_action_of_the_kms_answers_every_caller_by_the_policies() {
    let mut matrix = Matrix::new();
    let public_key = subjects::public_key(&matrix.server.bench);
    for new in SUBJECTS {
        let mut subject = matrix.subject(new);
        for number in 0..cases(&subject, &public_key).len() {
            let label = subject.label;
            let mut is_first = true;
            let mut make = |matrix: &mut Matrix| {
                if !std::mem::take(&mut is_first) {
                    subject = matrix.subject(new);
                }
                cases(&subject, &public_key).swap_remove(number)
            };
            matrix.check(label, &mut make, &|matrix, case| matrix.questions(case));
        }
        matrix.is_sampling = true;
    }
    matrix.finish(Product::Kms);
}

#[test]
fn every_action_of_ram_answers_every_caller_by_the_policies() {
    let mut matrix = Matrix::new();
    for new in PEOPLE {
        let mut people = new(&matrix.server.bench);
        for number in 0..named_cases(&people).len() {
            let label = people.label;
            let exist = label.starts_with("people");
            let mut is_first = true;
            let mut make = |matrix: &mut Matrix| {
                if !std::mem::take(&mut is_first) {
                    people = new(&matrix.server.bench);
                }
                named_cases(&people).swap_remove(number)
            };
            matrix.check(label, &mut make, &|_, case| questions_of_ram(case, exist));
        }
        matrix.is_sampling = true;
    }
    matrix.finish(Product::Ram);
}

/// Returns the cases that name a user. Without a name, access keys are those of the caller, so the question depends on the
/// caller: the tests of these actions cover each kind.
fn named_cases(people: &People) -> Vec<Case> {
    let mut cases = ram::cases(people);
    cases.retain(|case| case.action != "ListAccessKeys" || !case.parameters.is_empty());
    cases
}

/// Returns the permissions that a request to RAM needs.
fn questions_of_ram(case: &Case, exist: bool) -> Vec<PermissionQuestion> {
    let is_of_system = case.parameters.iter().any(|(name, value)| *name == "PolicyType" && value == "System");
    let ask = |query: &String| {
        let (name, resource) = query.split_once(' ').unwrap();
        let owner = if is_of_system && resource.starts_with("policy/") { "system" } else { ACCOUNT };
        let arn = format!("acs:ram:*:{owner}:{resource}");
        let whole = resource.split_once('/').and_then(|(kind, name)| {
            let is_new = case.parameters.iter().any(|(key, value)| key.starts_with("New") && value == name);
            (!exist && !is_new && name != "*").then(|| format!("acs:ram:*:{owner}:{kind}/"))
        });
        PermissionQuestion { action: format!("ram:{name}"), arn, whole }
    };
    case.queries.iter().map(ask).collect()
}

#[test]
fn roles_are_assumed_by_those_whom_both_sides_allow_it() {
    let matrix = Matrix::new();
    let trusting = Document::parse(ACCOUNT, &trusting_only("keyed"), |_| Some(matrix.server.user("keyed")));
    let closed = PeopleRole::new("closed".parse().unwrap(), trusting.unwrap(), 0);
    matrix.server.account.write([(Write::Role(closed), 0)]);
    for role in ["worker", "closed", "missing"] {
        let arn = format!("acs:ram::{ACCOUNT}:role/{role}");
        let name = ("RoleSessionName", "job");
        for caller in &matrix.callers {
            let label = format!("{role} by {}", caller.label);
            let answer = matrix.send(caller, "AssumeRole", &[("RoleArn", &arn), name]);
            let may = match caller.rights {
                Rights::Policies { principal, identity, session } => {
                    let arn = format!("acs:ram:*:{ACCOUNT}:role/{role}");
                    let required = PermissionQuestion { action: "sts:AssumeRole".into(), arn, whole: None };
                    let trusts = role == "worker" || role == "closed" && principal == "user/keyed";
                    let rights = Rights::Policies { principal, identity, session };
                    trusts && matrix.policies.allow(rights, &required)
                }
                Rights::All | Rights::Refused(_) => false,
            };
            let code = match caller.rights {
                _ if may => None,
                Rights::Refused(code) => Some(code),
                Rights::All | Rights::Policies { .. } => Some("NoPermission"),
            };
            assert_eq!(answer.err().map(|error| error.code_text()).as_deref(), code, "{label}");
        }
    }
    for caller in &matrix.callers {
        let refused = match caller.rights {
            Rights::Refused(code) => Some(code),
            Rights::All | Rights::Policies { .. } => None,
        };
        let answer = matrix.send(caller, "GetCallerIdentity", &[]);
        assert_eq!(answer.err().map(|error| error.code_text()).as_deref(), refused, "{}", caller.label);
        // The token is the proof; the signer is irrelevant, but must be known.
        let provider = ("OIDCProviderArn", &*format!("acs:ram::{ACCOUNT}:oidc-provider/ci"));
        let arn = format!("acs:ram::{ACCOUNT}:role/worker");
        let parameters = [("RoleArn", &*arn), ("RoleSessionName", "job"), ("OIDCToken", "a.b.c"), provider];
        let answer = matrix.send(caller, "AssumeRoleWithOIDC", &parameters).unwrap_err().code_text();
        let refused = refused.filter(|_| caller.credentials.is_some());
        assert_eq!(answer, refused.unwrap_or("AuthenticationFail.OIDCToken.Invalid"), "{}", caller.label);
    }
    assert_eq!(Product::Sts.actions(), ["AssumeRole", "AssumeRoleWithOIDC", "GetCallerIdentity"]);
}

impl Matrix {
    fn send(&self, caller: &CallerCase, action: &str, parameters: &[(&str, &str)]) -> Result<Reply, Error> {
        self.server.send(caller.credentials.as_ref(), Product::Sts, action, parameters)
    }

    /// Checks that each action of a product has a case, unless it is refused as unknown.
    fn finish(&self, product: Product) {
        println!("{} cells of {}", self.cells, product.name());
        for action in product.actions() {
            let is_unknown = || {
                let answer = self.server.send(Some(&self.server.root()), product, action, &EVERY_NAME);
                answer.is_err_and(|error| error.code() == ErrorCode::InvalidActionNotFound)
            };
            let is_seen = self.seen.contains(&(product.name(), action));
            assert!(is_seen || is_unknown(), "{action} has no line in the matrix");
        }
    }
}

/// Parameters that actions of RAM need.
const EVERY_NAME: [(&str, &str); 17] = [
    ("Tag", "[]"),
    ("TagKeys", "[]"),
    ("UserName", "u"),
    ("GroupName", "g"),
    ("RoleName", "r"),
    ("PolicyName", "p"),
    ("PolicyType", "Custom"),
    ("PolicyDocument", "{}"),
    ("AssumeRolePolicyDocument", "{}"),
    ("VersionId", "v1"),
    ("UserAccessKeyId", "a"),
    ("Status", "Inactive"),
    ("Password", "p"),
    ("NewDescription", "d"),
    ("ResourceType", "role"),
    ("ResourceNames", "[]"),
    ("AccountAlias", "a"),
];
