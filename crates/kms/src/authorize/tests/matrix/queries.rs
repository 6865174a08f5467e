//! Queries by every kind of caller, and the prediction of [`Kms::may`] for each request of the matrix.

use super::super::queries::all_queries;
use super::naive::document;
use super::*;
use crate::queries::{self, Answer, Explain, NoQuestion, NoResource, Query as Question};
use crate::{ExplainedQuestion, On};

/// The permission that each query checks first, in the order of the table, and the resource.
const FIRST: [(&str, &str); 11] = [
    ("kms:ListKeys", "key"),
    ("kms:ListKeys", "key"),
    ("kms:ListSecrets", "secret"),
    ("ram:ListUsers", "user/*"),
    ("ram:ListGroups", "group/*"),
    ("ram:ListRoles", "role/*"),
    ("ram:ListPolicies", "policy/*"),
    ("ram:ListPoliciesForUser", "user/reader"),
    ("actiontrail:LookupEvents", "*"),
    ("kms:GetKmsInstanceQuotaInfos", "*"),
    ("kms:DescribeBackups", "*"),
];

fn question_on(action: &str, resource: &str) -> PermissionQuestion {
    let arn = match action.strip_prefix("ram:") {
        _ if resource == "*" => resource.into(),
        Some(_) => format!("acs:ram:*:{ACCOUNT}:{resource}"),
        None => format!("{}{resource}", subjects::ARN),
    };
    PermissionQuestion { action: action.into(), arn, whole: None }
}

#[test]
fn every_query_answers_every_caller_by_the_policies() {
    let mut matrix = Matrix::new();
    matrix.subject(SUBJECTS[0]);
    let kms = Arc::clone(&matrix.server.bench.kms);
    let mut cells = 0;
    for caller in &matrix.callers {
        let Some(credentials) = &caller.credentials else { continue };
        let origin = match (matrix.server.origin(credentials), caller.rights) {
            (Ok(origin), Rights::All | Rights::Policies { .. }) => origin,
            (Err(error), Rights::Refused(code)) => {
                assert_eq!(error.code_text(), code, "{}", caller.label);
                continue;
            }
            (outcome, _) => panic!("{}: {outcome:?}", caller.label),
        };
        let may =
            |action, resource: &str| matrix.policies.allow(caller.rights, &question_on(action, resource));
        for (query, (action, list)) in all_queries().into_iter().zip(FIRST) {
            let label = format!("{} by {}", query.name(), caller.label);
            let is_overview = matches!(query, Question::Overview(_));
            let is_allowed = may(action, list);
            if matches!(query, Question::SearchTrail(_)) {
                assert_eq!(kms.may_look_up_events(&origin), is_allowed, "{label}");
            }
            let inquiry = Inquiry::new(&kms, &origin, Requested::default());
            match pollster::block_on(queries::answer(&kms, &query, &inquiry)) {
                Err(error) => {
                    assert!(error.code_text().contains("NoPermission"), "{label}: {error}");
                    assert!(!is_allowed && !is_overview, "{label}");
                }
                Ok(Answer::Overview(overview)) => {
                    assert_eq!(overview.keys.is_some(), may("kms:ListKeys", "key"), "{label}");
                    assert_eq!(overview.secrets.is_some(), may("kms:ListSecrets", "secret"), "{label}");
                }
                Ok(answer) => {
                    assert!(is_allowed, "{label}: {answer:?}");
                    let Answer::FindKeys(found) = answer else { continue };
                    assert!(!found.keys.is_empty());
                    for key in &found.keys {
                        let on_key = |action| may(action, &format!("key/{}", key.key_id));
                        let lists_aliases =
                            may("kms:ListAliases", "alias") || on_key("kms:ListAliasesByKeyId");
                        assert_eq!(key.metadata.is_some(), on_key("kms:DescribeKey"), "{label}: {key:?}");
                        assert_eq!(key.aliases.is_some(), lists_aliases, "{label}: {key:?}");
                        assert_eq!(key.tags.is_some(), on_key("kms:ListResourceTags"), "{label}: {key:?}");
                    }
                }
            }
            cells += 1;
        }
    }
    println!("{cells} cells of queries");
}

impl Matrix {
    /// Checks that [`Kms::may`] predicts the outcome of a request.
    pub(super) fn check_may(&self, caller: &CallerCase, case: &Case, may: bool, label: &str) {
        let kms = &self.server.bench.kms;
        let Some(credentials) = &caller.credentials else { return };
        if let (Some(all), Ok(origin)) = (on(case), self.server.origin(credentials)) {
            let answer = all.iter().all(|on| kms.may(case.product, case.action, *on, &origin));
            assert_eq!(answer, may, "{label}: {all:?}");
            self.check_explained(caller, case, &all, may, label);
        }
    }

    /// Checks that the explanation for root predicts the outcome of a request of a user or role.
    fn check_explained(&self, caller: &CallerCase, case: &Case, all: &[On<'_>], may: bool, label: &str) {
        let Rights::Policies { principal, session, .. } = caller.rights else { return };
        if case.queries.is_empty() {
            return; // every caller may
        }
        let kms = &self.server.bench.kms;
        let mut is_allowed = true;
        for on in all {
            let query = Explain {
                who: principal.into(),
                action: format!("{}:{}", case.product.name().to_lowercase(), case.action),
                resource: written(on),
                tls: true,
                session_policy: session.map(document),
                ..Explain::default()
            };
            match pollster::block_on(kms.query(query, &kms.owner())).unwrap() {
                Ok(explained) => {
                    let decided = |question: &ExplainedQuestion| question.explanation.decision.is_allowed();
                    let are_alike = explained.questions.iter().all(|it| decided(it) == it.is_allowed);
                    assert!(are_alike, "{label}: {explained:?}");
                    is_allowed &= explained.is_allowed;
                }
                Err(NoQuestion::Resource(NoResource::Pattern | NoResource::Elsewhere)) => return,
                Err(problem) => panic!("{label}: {on:?}: {problem:?}"),
            }
        }
        assert_eq!(is_allowed, may, "{label}: {all:?}");
    }
}

/// Returns the name of a resource, as written in the question.
fn written(on: &On<'_>) -> String {
    match on {
        On::Anything | On::Keys | On::Aliases | On::Secrets | On::Account => String::new(),
        On::Users => "user/*".into(),
        On::Groups => "group/*".into(),
        On::Roles => "role/*".into(),
        On::Policies => "policy/*".into(),
        On::MfaDevices => "mfa/*".into(),
        On::AllKeys => "key/*".into(),
        On::AllSecrets => "secret/*".into(),
        On::Key(name) | On::Alias(name) if name.starts_with("alias/") || name.starts_with("acs:") => {
            (*name).into()
        }
        On::Key(name) => format!("key/{name}"),
        On::Alias(name) => (*name).into(),
        On::Secret(name) if name.starts_with("acs:") => (*name).into(),
        On::Secret(name) => format!("secret/{name}"),
        On::User(name) => format!("user/{name}"),
        On::Group(name) => format!("group/{name}"),
        On::Role(name) => format!("role/{name}"),
        On::Policy(name) => format!("policy/{name}"),
        On::SystemPolicy(name) => format!("system/{name}"),
        On::MfaDevice(name) => format!("mfa/{name}"),
    }
}

/// Returns the resources of a case, if it names them.
fn on(case: &Case) -> Option<Vec<On<'_>>> {
    let parameter =
        |name: &str| case.parameters.iter().find(|(of, _)| *of == name).map(|(_, value)| &**value);
    let key = parameter("KeyId").map(On::Key);
    let alias = parameter("AliasName").map(On::Alias);
    match (case.product, case.action) {
        (Product::Ram, _) => on_people(case),
        (_, "CreateKey" | "ListKeys") => Some(vec![On::Keys]),
        (_, "ListAliases") => Some(vec![On::Aliases]),
        (_, "ListSecrets") => Some(vec![On::Secrets]),
        (_, "CreateSecret") if parameter("EncryptionKeyId").is_none() => Some(vec![On::Secrets]),
        (_, "GetRandomPassword" | "GetKeyDefaultPolicy") => Some(vec![On::Anything]),
        (_, "CreateAlias") => Some(vec![alias?, key?]),
        (_, "DeleteAlias") => Some(vec![alias?]),
        (_, "UpdateAlias") => Some(vec![key?, alias?]),
        (_, "CreateSecret" | "ReEncrypt" | "BatchGetSecretValue") => None,
        (_, "DescribeKeyUses" | "DescribeKeyBackups") => None,
        _ => {
            let arn = parameter("ProtectedResourceArn").map(On::Key);
            Some(vec![key.or(arn).or(parameter("SecretName").map(On::Secret))?])
        }
    }
}

fn on_people(case: &Case) -> Option<Vec<On<'_>>> {
    let is_of_system = case.parameters.iter().any(|(name, value)| *name == "PolicyType" && value == "System");
    case.queries.iter().map(|query| on_resource(query.split_once(' ')?.1, is_of_system)).collect()
}

fn on_resource(resource: &str, is_of_system: bool) -> Option<On<'_>> {
    Some(match resource.split_once('/') {
        None => On::Account,
        Some(("policy", "*")) if is_of_system => return None, // the question names it, and the permission does not
        Some(("user", "*")) => On::Users,
        Some(("user", name)) => On::User(name),
        Some(("group", "*")) => On::Groups,
        Some(("group", name)) => On::Group(name),
        Some(("role", "*")) => On::Roles,
        Some(("role", name)) => On::Role(name),
        Some(("mfa", "*")) => On::MfaDevices,
        Some(("mfa", name)) => On::MfaDevice(name),
        Some((_, "*")) => On::Policies,
        Some((_, name)) if is_of_system => On::SystemPolicy(name),
        Some((_, name)) => On::Policy(name),
    })
}
