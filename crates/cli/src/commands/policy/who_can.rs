//! `bulla policy who-can`: lists the users and roles that may perform an action.
//!
//! Policies are few and principals many, so the search begins with the policies about the action and continues with the
//! principals that have them.

use std::collections::{BTreeMap, BTreeSet};

use bulla_access::{Application, Effect, Explanation, Principal, depends_on};
use bulla_wire::ram::{GetRole, GetUser, ListEntitiesForPolicy};
use serde::Serialize;

use super::explain::{explained, place};
use super::library::{Library, Loaded};
use super::question::PolicyQuestion;
use super::records::all_policies;
use crate::account::Account;
use crate::args::Question;
use crate::commands::people::{group, is_missing};
use crate::failure::Failure;
use crate::principals::{PolicyName, PrincipalName};
use crate::results::{Table, print, print_json};

pub(super) fn run(account: &Account, typed: &Question) -> Result<(), Failure> {
    let question = PolicyQuestion::new(account, typed)?;
    let mut library = Library::new(account, &question.caller.account_id);
    let mut holders = Holders::default();
    let resource = library.of_resource(&question.guarded)?;
    for name in library.named() {
        if let Some(name) = present(&mut library, name)? {
            holders.policies_of.entry(name).or_default();
        }
    }
    let policies = library.readable(|| "policies of the account".to_owned(), all_policies(account, None))?;
    for policy in policies.unwrap_or_default() {
        if policy.attachment_count == Some(0) {
            continue;
        }
        let name = PolicyName { kind: policy.policy_type, name: policy.policy_name };
        if let Some(loaded) = library.policy(&name)?
            && is_about(&question, &loaded)
        {
            holders.add(&mut library, &name, loaded)?;
        }
    }
    let rows = holders.rows(&mut library, &question, resource.as_ref());
    let report = Report {
        action: question.action().to_owned(),
        resource: question.resource.clone(),
        root: !question.assumes,
        principals: rows,
        also_needed: question.also_needed,
        not_read: library.not_read().iter().cloned().chain(question.unread().map(str::to_owned)).collect(),
    };
    if typed.output.json { print_json(&report) } else { report.print() }
}

/// Returns whether a policy has a statement about the action, for any principal and any resource.
fn is_about(question: &PolicyQuestion, loaded: &Loaded) -> bool {
    let unnamed = Principal::Oidc("");
    !explained(question, unnamed, &[&loaded.policy], None).statements.is_empty()
}

/// Returns a principal that the policy of a resource names, in the spelling of its record; `None` if it does not exist.
fn present(library: &mut Library<'_>, name: PrincipalName) -> Result<Option<PrincipalName>, Failure> {
    let account = library.account;
    let reply = match &name {
        PrincipalName::User(name) => account
            .call(&GetUser { user_name: name.clone() })
            .map(|reply| PrincipalName::User(reply.user.user_name)),
        PrincipalName::Role(name) => account
            .call(&GetRole { role_name: name.clone() })
            .map(|reply| PrincipalName::Role(reply.role.role_name)),
    };
    if reply.as_ref().is_err_and(is_missing) {
        return Ok(None);
    }
    let found = library.readable(|| format!("whether {name} exists"), reply)?;
    Ok(Some(found.unwrap_or(name)))
}

/// The policies about the action, and which principals have them.
#[derive(Default)]
struct Holders {
    policies: Vec<Loaded>,
    /// For each principal, the indexes of its policies, each with the group that it comes from.
    policies_of: BTreeMap<PrincipalName, BTreeSet<(usize, Option<String>)>>,
}

impl Holders {
    fn add(&mut self, library: &mut Library<'_>, name: &PolicyName, loaded: Loaded) -> Result<(), Failure> {
        let account = library.account;
        let policy_name = name.name.clone();
        let reply = account.call(&ListEntitiesForPolicy { policy_type: name.kind, policy_name });
        let Some(entities) = library.readable(|| format!("who has {name}"), reply)? else { return Ok(()) };
        let index = self.policies.len();
        self.policies.push(loaded);
        let users = entities.users.user.into_iter().map(|user| PrincipalName::User(user.user_name));
        let roles = entities.roles.role.into_iter().map(|role| PrincipalName::Role(role.role_name));
        for principal in users.chain(roles) {
            self.policies_of.entry(principal).or_default().insert((index, None));
        }
        for group in entities.groups.group {
            let group = group.group_name;
            let members = group::members(account, &group);
            let members = library.readable(|| format!("users of group/{group}"), members)?;
            for member in members.unwrap_or_default() {
                let user = PrincipalName::User(member.user_name);
                self.policies_of.entry(user).or_default().insert((index, Some(group.clone())));
            }
        }
        Ok(())
    }

    fn rows(
        &self,
        library: &mut Library<'_>,
        question: &PolicyQuestion,
        resource: Option<&Loaded>,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        for (name, policies) in &self.policies_of {
            // A policy that a user has both directly and from a group counts once.
            let indexes: BTreeSet<_> = policies.iter().map(|(index, _)| *index).collect();
            let indexes: Vec<_> = indexes.into_iter().collect();
            let identity: Vec<_> = indexes.iter().map(|index| &self.policies[*index].policy).collect();
            let id = library.id(name);
            let principal = match name {
                PrincipalName::User(_) => Principal::User(id),
                PrincipalName::Role(_) => Principal::Role(id),
            };
            question.values.take_unknown();
            let explanation =
                explained(question, principal, &identity, resource.map(|loaded| &loaded.policy));
            let unknown = question.values.take_unknown();
            let depends_on = depends_on(&explanation, &unknown);
            if !explanation.decision.is_allowed() && depends_on.is_empty() {
                continue;
            }
            let by = grants(&explanation, &indexes, policies, &self.policies, resource);
            let depends_on = depends_on.iter().map(ToString::to_string).collect();
            rows.push(Row { principal: name.to_string(), by, depends_on });
        }
        rows
    }
}

/// Returns the statements that allow the action, possibly under conditions.
fn grants(
    explanation: &Explanation,
    indexes: &[usize],
    policies_of: &BTreeSet<(usize, Option<String>)>,
    policies: &[Loaded],
    resource: Option<&Loaded>,
) -> Vec<String> {
    let mut labels = Vec::new();
    for considered in &explanation.statements {
        let applies = matches!(considered.application, Application::Applies | Application::Conditions(_));
        if considered.effect == Effect::Deny || !applies {
            continue;
        }
        let source = considered.source;
        let place = place(source.statement);
        match (source.layer, indexes.get(source.policy)) {
            (bulla_access::Layer::Identity, Some(index)) => {
                let label = &policies[*index].label;
                let from = policies_of.iter().filter(|(of, _)| of == index);
                labels.extend(from.map(|(_, group)| match group {
                    Some(group) => format!("{place} of {label} of group/{group}"),
                    None => format!("{place} of {label}"),
                }));
            }
            _ => labels.extend(resource.map(|loaded| format!("{place} of {}", loaded.label))),
        }
    }
    labels
}

/// The answer, for people and programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    action: String,
    resource: String,
    /// Whether root may; root may do everything except assuming roles.
    root: bool,
    principals: Vec<Row>,
    /// What a request needs besides.
    also_needed: Option<&'static str>,
    not_read: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    principal: String,
    by: Vec<String>,
    /// The conditions whose values only the server knows; if empty, the principal is allowed.
    depends_on: Vec<String>,
}

impl Report {
    fn print(&self) -> Result<(), Failure> {
        let far = if self.not_read.is_empty() { "" } else { ", as far as is known" };
        let who = if self.root { "root and these" } else { "these" };
        print(format_args!("{who} may {} on {}{far}:", self.action, self.resource))?;
        let mut table = Table::new(["PRINCIPAL", "BY", "DEPENDS ON"]);
        for row in &self.principals {
            table.push([row.principal.clone(), row.by.join("; "), row.depends_on.join(", ")]);
        }
        table.print()?;
        self.not_read.iter().try_for_each(|what| print(format_args!("not read: {what}")))?;
        self.also_needed.map_or(Ok(()), |what| print(format_args!("also needed: {what}")))
    }
}
