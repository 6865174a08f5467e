//! `bulla policy explain`: explains why a user or role may or may not perform an action.

use std::collections::BTreeSet;

use bulla_access::{
    Application, ConditionKey, Considered, Decision, Denial, Effect, Explanation, Layer, Layers, Missing,
    Policy, Principal, Rule, StatementRef, depends_on, explain,
};
use bulla_wire::ram::{ListGroupsForUser, ListPoliciesForGroup, ListPoliciesForRole, ListPoliciesForUser};
use bulla_wire::sts::{GetCallerIdentityReply, IdentityType};
use serde::Serialize;

use super::library::{Library, Loaded};
use super::question::{Guarded, PolicyQuestion};
use crate::account::Account;
use crate::args::Question;
use crate::failure::Failure;
use crate::principals::PrincipalName;
use crate::results::{Table, print, print_json};

pub(super) fn run(
    account: &Account,
    principal: Option<PrincipalName>,
    typed: &Question,
) -> Result<(), Failure> {
    let question = PolicyQuestion::new(account, typed)?;
    let mut library = Library::new(account, &question.caller.account_id);
    let subject = match principal {
        Some(principal) => Subject { principal, has_session: false },
        None => match Subject::of(&question.caller) {
            Some(subject) => subject,
            None => return root(&question, typed.output.json),
        },
    };
    let identity = identity_policies(&mut library, &subject.principal)?;
    let resource = library.of_resource(&question.guarded)?;
    let explanation = subject.explain(&mut library, &question, &identity, resource.as_ref());
    let mut not_read = library.not_read().to_vec();
    if subject.has_session {
        not_read.push("session policy, if the session has one".to_owned());
    }
    if explanation.decision.is_allowed() {
        not_read.extend(question.unread().map(str::to_owned)); // they can only deny
    }
    let unknown = question.values.take_unknown();
    let policies = Policies { identity: &identity, resource: resource.as_ref() };
    let report = Report::new(&subject.principal, &question, &explanation, &policies, not_read, &unknown);
    if typed.output.json { print_json(&report) } else { report.print() }
}

/// The principal whose permissions are explained.
struct Subject {
    principal: PrincipalName,
    /// Whether it is a session, which may have a policy that no action returns.
    has_session: bool,
}

impl Subject {
    /// Returns the caller; `None` for root.
    fn of(caller: &GetCallerIdentityReply) -> Option<Self> {
        // acs:ram::ACCOUNT:user/NAME or acs:ram::ACCOUNT:assumed-role/NAME/SESSION
        let mut names = caller.arn.rsplit(':').next().unwrap_or_default().split('/').skip(1);
        let name = names.next().unwrap_or_default().to_owned();
        match caller.identity_type {
            IdentityType::Account => None,
            IdentityType::RamUser => Some(Self { principal: PrincipalName::User(name), has_session: false }),
            IdentityType::AssumedRoleUser => {
                Some(Self { principal: PrincipalName::Role(name), has_session: true })
            }
        }
    }

    fn explain(
        &self,
        library: &mut Library<'_>,
        question: &PolicyQuestion,
        identity: &[Loaded],
        resource: Option<&Loaded>,
    ) -> Explanation {
        let identity: Vec<_> = identity.iter().map(|loaded| &loaded.policy).collect();
        let id = library.id(&self.principal);
        let principal = match &self.principal {
            PrincipalName::User(_) => Principal::User(id),
            PrincipalName::Role(_) => Principal::Role(id),
        };
        explained(question, principal, &identity, resource.map(|loaded| &loaded.policy))
    }
}

/// Returns the explanation for a principal that has an id in the library.
pub(super) fn explained(
    question: &PolicyQuestion,
    principal: Principal<'_>,
    identity: &[&Policy],
    resource: Option<&Policy>,
) -> Explanation {
    let rule = match question.guarded {
        Guarded::Role(_) => Rule::Both,
        Guarded::Key(_) | Guarded::Secret(_) | Guarded::Nothing => Rule::Either,
    };
    let layers = Layers { session: None, identity, resource, rule };
    let explanation = question.with(principal, |query| explain(&layers, query));
    if question.is_on_all(principal, identity) { explanation } else { explanation.not_on_all() }
}

fn root(question: &PolicyQuestion, json: bool) -> Result<(), Failure> {
    if json {
        let report = Report { allowed: !question.assumes, ..Report::of_nothing("root".to_owned(), question) };
        return print_json(&report);
    }
    let (verdict, reason) = if question.assumes {
        ("denied", "root cannot assume roles")
    } else {
        ("allowed", "no policy restricts root")
    };
    print(format_args!("root is {verdict} {} on {}: {reason}", question.action(), question.resource))
}

fn identity_policies(library: &mut Library<'_>, principal: &PrincipalName) -> Result<Vec<Loaded>, Failure> {
    let account = library.account;
    let policies_of = |who: &dyn std::fmt::Display| format!("policies of {who}");
    match principal {
        PrincipalName::Role(name) => {
            let reply = account.call(&ListPoliciesForRole { role_name: name.clone() });
            let reply = library.readable(|| policies_of(principal), reply)?;
            reply.map_or(Ok(Vec::new()), |reply| library.attached(reply.policies.policy, ""))
        }
        PrincipalName::User(name) => {
            let reply = account.call(&ListPoliciesForUser { user_name: name.clone() });
            let reply = library.readable(|| policies_of(principal), reply)?;
            let mut policies =
                reply.map_or(Ok(Vec::new()), |reply| library.attached(reply.policies.policy, ""))?;
            let reply = account.call(&ListGroupsForUser { user_name: name.clone() });
            let groups = library.readable(|| format!("groups of {principal}"), reply)?;
            for group in groups.map(|reply| reply.groups.group).unwrap_or_default() {
                let group = group.group_name;
                let reply = account.call(&ListPoliciesForGroup { group_name: group.clone() });
                let reply = library.readable(|| policies_of(&format_args!("group/{group}")), reply)?;
                if let Some(reply) = reply {
                    policies.extend(library.attached(reply.policies.policy, &format!(" of group/{group}"))?);
                }
            }
            Ok(policies)
        }
    }
}

/// The policies of an explanation.
pub(super) struct Policies<'a> {
    pub(super) identity: &'a [Loaded],
    pub(super) resource: Option<&'a Loaded>,
}

impl Policies<'_> {
    fn label(&self, layer: Layer, index: usize) -> String {
        let loaded = match layer {
            Layer::Identity => self.identity.get(index),
            Layer::Resource => self.resource,
            Layer::Session => None, // sessions have no policy here
        };
        loaded.map(|loaded| loaded.label.clone()).unwrap_or_default()
    }
}

/// The answer, for people and programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    principal: String,
    action: String,
    resource: String,
    allowed: bool,
    /// Whether a statement denies the action.
    explicit_deny: bool,
    statements: Vec<Row>,
    missing: Vec<String>,
    not_read: Vec<String>,
    /// The condition keys whose values only the server knows, and which may change the answer.
    depends_on: Vec<String>,
    /// What a request needs besides.
    also_needed: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    policy: String,
    statement: usize,
    line: u32,
    effect: &'static str,
    applies: bool,
    reason: String,
}

impl Report {
    fn of_nothing(principal: String, question: &PolicyQuestion) -> Self {
        Self {
            principal,
            action: question.action().to_owned(),
            resource: question.resource.clone(),
            allowed: false,
            explicit_deny: false,
            statements: Vec::new(),
            missing: Vec::new(),
            not_read: Vec::new(),
            depends_on: Vec::new(),
            also_needed: question.also_needed,
        }
    }

    fn new(
        principal: &PrincipalName,
        question: &PolicyQuestion,
        explanation: &Explanation,
        policies: &Policies<'_>,
        not_read: Vec<String>,
        unknown: &BTreeSet<ConditionKey>,
    ) -> Self {
        let row = |considered: &Considered| {
            let source = considered.source;
            Row {
                policy: policies.label(source.layer, source.policy),
                statement: source.statement.index,
                line: source.statement.line,
                effect: effect(considered.effect),
                applies: considered.application == Application::Applies,
                reason: reason(&considered.application, unknown),
            }
        };
        let missing = |missing: &Missing| match missing {
            Missing::NoDeny(source) => {
                let policy = policies.label(source.layer, source.policy);
                format!("{} of {policy} must not deny", place(source.statement))
            }
            other => other.to_string(),
        };
        Self {
            allowed: explanation.decision.is_allowed(),
            explicit_deny: matches!(explanation.decision, Decision::Deny(Denial::Explicit(_))),
            statements: explanation.statements.iter().map(row).collect(),
            missing: explanation.missing.iter().map(missing).collect(),
            not_read,
            depends_on: depends_on(explanation, unknown).iter().map(ToString::to_string).collect(),
            ..Self::of_nothing(principal.to_string(), question)
        }
    }

    fn print(&self) -> Result<(), Failure> {
        self.print_verdict()?;
        if !self.statements.is_empty() {
            let mut table = Table::new(["POLICY", "STATEMENT", "EFFECT", "APPLIES"]);
            for row in &self.statements {
                let policy = row.policy.clone();
                let place = place(StatementRef { index: row.statement, line: row.line });
                table.push([policy, place, row.effect.to_owned(), row.reason.clone()]);
            }
            table.print()?;
        }
        for (title, lines) in
            [("missing", &self.missing), ("not read", &self.not_read), ("depends on", &self.depends_on)]
        {
            lines.iter().try_for_each(|line| print(format_args!("{title}: {line}")))?;
        }
        self.also_needed.map_or(Ok(()), |what| print(format_args!("also needed: {what}")))
    }

    fn print_verdict(&self) -> Result<(), Failure> {
        let Self { principal, action, resource, .. } = self;
        let is_incomplete = !self.not_read.is_empty() && !self.explicit_deny;
        if is_incomplete && !self.allowed {
            return print(format_args!(
                "whether {principal} is allowed {action} on {resource} is unknown: not all policies could be read"
            ));
        }
        let verdict = if self.allowed { "allowed" } else { "denied" };
        let is_sure = self.depends_on.is_empty() && !is_incomplete;
        let far = if is_sure { "" } else { ", as far as is known" };
        print(format_args!("{principal} is {verdict} {action} on {resource}{far}"))
    }
}

/// Returns the position of a statement in its document, as errors of documents name it.
pub(super) fn place(statement: StatementRef) -> String {
    format!("Statement[{}], line {}", statement.index, statement.line)
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    }
}

fn reason(application: &Application, unknown: &BTreeSet<ConditionKey>) -> String {
    match application {
        Application::Applies => "yes".to_owned(),
        Application::OtherPrincipal => "no: it names others".to_owned(),
        Application::AccountOnly => "no: the account as principal means root only".to_owned(),
        Application::OtherResource => "no: it is about other resources".to_owned(),
        Application::Conditions(unmet) => {
            let unmet = unmet.iter().map(|one| {
                if unknown.contains(&one.key) {
                    format!("{} of {}, which only the server knows", one.operator, one.key)
                } else {
                    one.to_string()
                }
            });
            format!("no: not met: {}", unmet.collect::<Vec<_>>().join("; "))
        }
    }
}
