//! Who asks the authorizer during one request, what was asked, and what was answered.

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
use crate::clock::Times;
use crate::home::Home;
use crate::origin::{Caller, Origin};
use crate::state::Snapshot;

/// What all questions of one request have in common: the engine, the caller and the time. Notes each question
/// and its answer for the audit trail, which names the resource of a denied request too.
pub(crate) struct Inquiry<'k> {
    pub(super) kms: &'k Kms,
    origin: &'k Origin,
    times: Times,
    asked_for: AskedFor,
    started: Instant,
    questions: Mutex<Questions>,
    /// For a request that is only supposed: each question with why it is allowed or denied.
    explained: Option<Mutex<Vec<ExplainedQuestion>>>,
}

/// Who asks, and what is the same in all questions, for a thread that outlives the request.
pub(super) struct Asker {
    authorizer: Authorizer,
    origin: Origin,
    /// The believed time of the request.
    pub(super) time: i64,
    home: Home,
}

impl Asker {
    /// Begins questions for one permission.
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

/// What a request asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AskedFor {
    /// The product, or the console.
    pub(crate) product: &'static str,
    /// The action, or the query.
    pub(crate) action: &'static str,
}

/// What a request asks about.
pub(super) struct Target<'t> {
    pub(super) resource: Resource,
    /// As [`Query::missing_from`].
    pub(super) missing_from: Option<Container>,
    /// How a denial names it.
    pub(super) written: Written<'t>,
}

/// A permission, the resource for which it was asked about, and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) permission: Permission,
    pub(crate) resource: Resource,
    pub(crate) is_allowed: bool,
    /// The statement that decided, if one did and an audit trail asks for it.
    pub(crate) by: Option<DecidedBy>,
}

/// Questions in order, each once. Most requests ask one, which takes no allocation.
#[derive(Debug, Default)]
struct Questions {
    first: Option<Question>,
    others: Vec<Question>,
    used: Used,
    line: ChangeLine,
}

/// Whether the line of a request was written with its change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChangeLine {
    #[default]
    None,
    Decided,
    Committed,
}

/// What else a request used, for the audit trail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    /// The versions of keys that were opened.
    pub(crate) versions: Vec<(KeyId, KeyVersionId)>,
    /// The encryption context.
    pub(crate) context: Option<ContextParameter>,
}

impl<'k> Inquiry<'k> {
    /// Begins a request: looks at the clock.
    pub(crate) fn new(kms: &'k Kms, origin: &'k Origin, asked_for: AskedFor) -> Self {
        let times = kms.clock.times();
        let started = Instant::now();
        Self { kms, origin, times, asked_for, started, questions: Mutex::default(), explained: None }
    }

    /// Begins a request that is only supposed, which policies decide about, and explains each answer.
    pub(super) fn of_supposition(kms: &'k Kms, origin: &'k Origin, times: Times) -> Self {
        let asked_for = AskedFor::default();
        let started = Instant::now();
        let explained = Some(Mutex::default());
        Self { kms, origin, times, asked_for, started, questions: Mutex::default(), explained }
    }

    /// The questions of a supposed request, in order.
    pub(super) fn into_explained(self) -> Vec<ExplainedQuestion> {
        let explained = self.explained.unwrap_or_default();
        explained.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who sent the request.
    pub(super) fn caller(&self) -> &'k Caller {
        self.origin.caller()
    }

    /// Where the request comes from.
    pub(crate) fn origin(&self) -> &'k Origin {
        self.origin
    }

    /// What is asked for.
    pub(crate) fn asked_for(&self) -> AskedFor {
        self.asked_for
    }

    /// The account that owns everything.
    pub(crate) fn account(&self) -> &'k str {
        self.kms.account()
    }

    /// The state that was published last, for the names of now.
    pub(crate) fn published(&self) -> Guard<Arc<Snapshot>> {
        self.kms.state.published()
    }

    /// What the wall clock says now.
    pub(crate) fn wall_time(&self) -> SystemTime {
        self.kms.clock.raw()
    }

    /// A change was decided: whether it has a line in the audit trail once it is committed.
    pub(crate) fn expect_line(&self, is_expected: bool) {
        self.noted().line = if is_expected { ChangeLine::Decided } else { ChangeLine::None };
    }

    /// The change that was decided last is durable.
    pub(crate) fn note_commit(&self) {
        let line = &mut self.noted().line;
        if *line == ChangeLine::Decided {
            *line = ChangeLine::Committed;
        }
    }

    /// Whether the request has a line in the audit trail, with the change that it made.
    pub(crate) fn is_recorded(&self) -> bool {
        self.noted().line == ChangeLine::Committed
    }

    /// How much time has passed since some moment, whatever is done to the clock.
    pub(crate) fn elapsed(&self) -> Duration {
        self.kms.elapsed()
    }

    /// How long the request has taken so far.
    pub(crate) fn took(&self) -> Duration {
        self.started.elapsed()
    }

    /// The times of the request.
    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// Asks for a permission, and notes the answer.
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
        let by = by.filter(|_| self.kms.is_audited()).and_then(|source| DecidedBy::find(&query, source));
        self.noted().insert(Question { permission, resource, is_allowed, by });
        answer
    }

    /// Who asks, to ask about what a list tells of each of its entries. Such questions are not noted: the entry that is not
    /// told of was not asked for.
    pub(super) fn asker(&self) -> Asker {
        Asker {
            authorizer: self.kms.authorizer.clone(),
            origin: self.origin.clone(),
            time: self.times.believed,
            home: self.kms.home.clone(),
        }
    }

    /// Notes the version of a key that is opened.
    pub(super) fn note_version(&self, key: KeyId, version: KeyVersionId) {
        if self.kms.is_audited() {
            let versions = &mut self.noted().used.versions;
            if !versions.contains(&(key, version)) {
                versions.push((key, version));
            }
        }
    }

    /// Notes the encryption context of the request.
    pub(crate) fn note_context(&self, context: Option<&ContextParameter>) {
        if self.kms.is_audited() {
            self.noted().used.context = context.cloned();
        }
    }

    /// What was asked so far, in order.
    pub(crate) fn questions(&self) -> Vec<Question> {
        let questions = self.noted();
        questions.first.iter().chain(&questions.others).cloned().collect()
    }

    /// What was used so far.
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
