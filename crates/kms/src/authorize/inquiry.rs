//! The record of one request's permission checks: the caller, each check and its answer. The audit trail is written from
//! it.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::Guard;
use bulla_keys::{KeyId, KeyVersionId};
use bulla_wire::{ContextParameter, Error};

use super::denial::Written;
use super::verdict::Verdict;
use super::{
    Authorizer, Container, DecidedBy, ExplainedQuestion, Facts, Permission, Query, Resource, Series,
};
use crate::Kms;
use crate::auditor::LogLine;
use crate::clock::Times;
use crate::home::Home;
use crate::origin::{Caller, Origin};
use crate::state::Snapshot;

/// The facts that all permission checks of one request share: the engine, the caller and the time. Records each check with
/// its answer for the audit trail, which names the resources of denied requests too.
pub(crate) struct Inquiry<'k> {
    pub(super) kms: &'k Kms,
    origin: &'k Origin,
    times: Times,
    requested: Requested,
    started: Instant,
    questions: Mutex<Questions>,
    /// For a hypothetical request: each check with the reasons for its answer.
    explained: Option<Mutex<Vec<ExplainedQuestion>>>,
}

/// The caller and the other facts that all checks share, for a thread that outlives the request.
pub(super) struct Asker {
    authorizer: Authorizer,
    origin: Origin,
    /// The believed time of the request.
    pub(super) time: i64,
    home: Home,
}

impl Asker {
    /// Begins a series of checks of one permission.
    pub(super) fn series<'q>(&'q self, permission: Permission, snapshot: &'q Snapshot) -> Series<'q> {
        let query = Query {
            permission,
            resource: &Resource::Anything,
            missing_from: None,
            caller: self.origin.caller(),
            connection: self.origin.connection(),
            time: self.time,
            facts: Facts::default(),
            snapshot,
            home: &self.home,
        };
        Series::new(&self.authorizer, query)
    }
}

/// What a request calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Requested {
    /// The product, or the console.
    pub(crate) product: &'static str,
    /// The action or query.
    pub(crate) action: &'static str,
}

/// The resource of a check.
pub(super) struct Target<'t> {
    pub(super) resource: Resource,
    /// See [`Query::missing_from`].
    pub(super) missing_from: Option<Container>,
    /// How the request named it.
    pub(super) written: Written<'t>,
}

/// A permission, the resource that it was checked for, and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) permission: Permission,
    pub(crate) resource: Resource,
    pub(crate) is_allowed: bool,
    /// The statement that decided, if one did and there is an audit trail.
    pub(crate) by: Option<DecidedBy>,
}

/// The distinct checks, in order. Most requests make only one, which takes no allocation.
#[derive(Debug, Default)]
struct Questions {
    first: Option<Question>,
    others: Vec<Question>,
    used: Used,
    line: ChangeLine,
}

/// Whether the line of a request was written with its change.
#[derive(Debug, Default)]
enum ChangeLine {
    #[default]
    None,
    /// With the line for the log.
    Decided(Option<LogLine>),
    Committed,
}

/// What the request used, for the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// The versions of keys that were opened.
    pub(crate) versions: Vec<(KeyId, KeyVersionId)>,
    /// The encryption context.
    pub(crate) context: Option<ContextParameter>,
}

impl<'k> Inquiry<'k> {
    /// Begins a request and reads the clock.
    pub(crate) fn new(kms: &'k Kms, origin: &'k Origin, requested: Requested) -> Self {
        let times = kms.clock.times();
        let started = Instant::now();
        Self { kms, origin, times, requested, started, questions: Mutex::default(), explained: None }
    }

    /// The same request, which arrived earlier.
    pub(crate) fn since(self, started: Instant) -> Self {
        Self { started, ..self }
    }

    /// Begins a request that is only supposed, which policies decide about, and explains each answer.
    pub(super) fn of_supposition(kms: &'k Kms, origin: &'k Origin, times: Times) -> Self {
        let requested = Requested::default();
        let started = Instant::now();
        let explained = Some(Mutex::default());
        Self { kms, origin, times, requested, started, questions: Mutex::default(), explained }
    }

    /// Returns the checks of a hypothetical request, in order.
    pub(super) fn into_explained(self) -> Vec<ExplainedQuestion> {
        let explained = self.explained.unwrap_or_default();
        explained.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The caller.
    pub(super) fn caller(&self) -> &'k Caller {
        self.origin.caller()
    }

    /// The origin of the request.
    pub(crate) fn origin(&self) -> &'k Origin {
        self.origin
    }

    /// The called action or query.
    pub(crate) fn requested(&self) -> Requested {
        self.requested
    }

    /// The account that owns everything.
    pub(crate) fn account(&self) -> &'k str {
        self.kms.account()
    }

    /// The newest published state, for current names.
    pub(crate) fn published(&self) -> Guard<Arc<Snapshot>> {
        self.kms.state.published()
    }

    /// The current wall clock.
    pub(crate) fn wall_time(&self) -> SystemTime {
        self.kms.clock.raw()
    }

    /// A change was decided: its lines are written once it is committed, one in the audit trail and this one in the log.
    pub(crate) fn expect_line(&self, line: Option<LogLine>) {
        self.noted().line = ChangeLine::Decided(line);
    }

    /// A decision changes nothing, so it has no line.
    pub(crate) fn expect_no_line(&self) {
        self.noted().line = ChangeLine::None;
    }

    /// The change that was decided last is durable. Returns its line for the log.
    pub(crate) fn note_commit(&self) -> Option<LogLine> {
        let mut noted = self.noted();
        match mem::take(&mut noted.line) {
            ChangeLine::None => None,
            ChangeLine::Decided(line) => {
                noted.line = ChangeLine::Committed;
                line
            }
            ChangeLine::Committed => {
                noted.line = ChangeLine::Committed;
                None
            }
        }
    }

    /// Whether the request has its lines in the audit trail and in the log, with the change that it made.
    pub(crate) fn is_recorded(&self) -> bool {
        matches!(self.noted().line, ChangeLine::Committed)
    }

    /// Whether the record of the request has the values of its encryption context.
    pub(crate) fn has_context_values(&self) -> bool {
        self.kms.auditor.has_context_values()
    }

    /// The time since some fixed moment, independent of changes to the clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.kms.elapsed()
    }

    /// The duration of the request so far.
    pub(crate) fn took(&self) -> Duration {
        self.started.elapsed()
    }

    /// The times of the request.
    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// Checks a permission, and records the answer.
    ///
    /// # Errors
    /// Forbidden.NoPermission.
    pub(super) fn ask(
        &self,
        permission: Permission,
        target: Target<'_>,
        facts: Facts<'_>,
        snapshot: &Snapshot,
    ) -> Result<(), Error> {
        let Target { resource, missing_from, written } = target;
        let query = Query {
            permission,
            resource: &resource,
            missing_from,
            caller: self.origin.caller(),
            connection: self.origin.connection(),
            time: self.times.believed,
            facts,
            snapshot,
            home: &self.kms.home,
        };
        let Verdict { is_allowed, by } = match &self.explained {
            None => self.kms.authorizer.verdict(&query),
            Some(explained) => {
                let verdict = Authorizer::Policies.verdict(&query);
                let question = ExplainedQuestion::new(&query, verdict.is_allowed);
                explained.lock().unwrap_or_else(PoisonError::into_inner).push(question);
                verdict
            }
        };
        let answer = if is_allowed { Ok(()) } else { Err(query.denial(&written)) };
        let by = by
            .filter(|_| self.kms.auditor.takes_records())
            .and_then(|source| DecidedBy::find(&query, source));
        self.noted().insert(Question { permission, resource, is_allowed, by });
        answer
    }

    /// Returns the caller, for checks of single entries of a list. These checks are not recorded, because the request did not
    /// ask for the entries that are left out.
    pub(super) fn asker(&self) -> Asker {
        Asker {
            authorizer: self.kms.authorizer.clone(),
            origin: self.origin.clone(),
            time: self.times.believed,
            home: self.kms.home.clone(),
        }
    }

    /// Records the version of a key that is opened.
    pub(super) fn note_version(&self, key: KeyId, version: KeyVersionId) {
        if self.kms.auditor.takes_records() {
            let versions = &mut self.noted().used.versions;
            if !versions.contains(&(key, version)) {
                versions.push((key, version));
            }
        }
    }

    /// Records the encryption context of the request.
    pub(crate) fn note_context(&self, context: Option<&ContextParameter>) {
        if self.kms.is_audited() {
            self.noted().used.context = context.cloned();
        }
    }

    /// Returns the checks so far, in order.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let questions = self.noted();
        questions.first.iter().chain(&questions.others).cloned().collect()
    }

    /// Returns what was used so far.
    pub(crate) fn used(&self) -> Used {
        self.noted().used.clone()
    }

    fn noted(&self) -> MutexGuard<'_, Questions> {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Questions {
    fn insert(&mut self, question: Question) {
        match &self.first {
            None => self.first = Some(question),
            Some(first) if *first == question || self.others.contains(&question) => {}
            Some(_) => self.others.push(question),
        }
    }
}

#[cfg(test)]
mod tests {
    use bulla_wire::kms::{Decrypt, Encrypt};

    use super::super::Container;
    use super::*;

    #[test]
    fn a_question_is_noted_once_with_each_answer() {
        let mut questions = Questions::default();
        let keys = |permission, is_allowed| {
            let resource = Resource::Container(Container::Keys);
            Question { permission, resource, is_allowed, by: None }
        };
        let anything = Question { resource: Resource::Anything, ..keys(Permission::of::<Decrypt>(), true) };
        for _ in 0..2 {
            questions.insert(keys(Permission::of::<Encrypt>(), true));
            questions.insert(keys(Permission::of::<Decrypt>(), true));
            questions.insert(anything.clone());
            questions.insert(keys(Permission::of::<Encrypt>(), false));
        }
        assert_eq!(questions.first, Some(keys(Permission::of::<Encrypt>(), true)));
        let others =
            [keys(Permission::of::<Decrypt>(), true), anything, keys(Permission::of::<Encrypt>(), false)];
        assert_eq!(questions.others, others);
    }
}
