//! Who asks the authorizer during one request, what was asked, and what was answered.

use std::sync::{Mutex, PoisonError};

use bulla_wire::Error;

use super::denial::Written;
use super::{Authorizer, Container, ExplainedQuestion, Facts, Permission, Query, Resource, Series};
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
}

/// Questions in order, each once. Most requests ask one, which takes no allocation.
#[derive(Debug, Default)]
struct Questions {
    first: Option<Question>,
    others: Vec<Question>,
}

impl<'k> Inquiry<'k> {
    /// Begins a request: looks at the clock.
    pub(crate) fn new(kms: &'k Kms, origin: &'k Origin) -> Self {
        Self { kms, origin, times: kms.clock.look(), questions: Mutex::default(), explained: None }
    }

    /// Begins a request that is only supposed, which policies decide about, and explains each answer.
    pub(super) fn of_supposition(kms: &'k Kms, origin: &'k Origin, times: Times) -> Self {
        Self { kms, origin, times, questions: Mutex::default(), explained: Some(Mutex::default()) }
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
        let is_allowed = match &self.explained {
            None => self.kms.authorizer.allows(&query),
            Some(explained) => {
                let is_allowed = Authorizer::Policies.allows(&query);
                let question = ExplainedQuestion::new(&query, is_allowed);
                explained.lock().unwrap_or_else(PoisonError::into_inner).push(question);
                is_allowed
            }
        };
        let answer = if is_allowed { Ok(()) } else { Err(query.denial(&written)) };
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.insert(Question { permission, resource, is_allowed });
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

    /// What was asked so far, in order.
    #[cfg(test)]
    pub(crate) fn questions(&self) -> Vec<Question> {
        let questions = self.questions.lock().unwrap();
        questions.first.iter().chain(&questions.others).cloned().collect()
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
            Question { permission, resource, is_allowed }
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
