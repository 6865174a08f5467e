//! How certain an explanation is that was made without some values of the request.

use std::collections::BTreeSet;

use crate::explain::{Application, Considered, Explanation};
use crate::key::ConditionKey;
use crate::policy::Effect;

/// Returns the keys in `unknown` whose values could reverse the decision.
///
/// `unknown` holds the condition keys that had no value when `explanation` was made, because the client does not know them.
pub fn depends_on(explanation: &Explanation, unknown: &BTreeSet<ConditionKey>) -> BTreeSet<ConditionKey> {
    let statements = &explanation.statements;
    let standings: Vec<_> = statements.iter().map(|one| Standing::of(one, unknown)).collect();
    let any = |effect, standing| {
        statements.iter().zip(&standings).any(|(one, of_one)| one.effect == effect && *of_one == standing)
    };
    let may_be_allowed = any(Effect::Allow, Standing::Applies) || any(Effect::Allow, Standing::Open);
    if any(Effect::Deny, Standing::Applies) || !may_be_allowed {
        return BTreeSet::new();
    }
    let is_decisive = |one: &Considered| one.effect == Effect::Deny || !explanation.decision.is_allowed();
    let open = statements.iter().zip(&standings).filter(|(_, standing)| **standing == Standing::Open);
    let keys = open.filter(|(one, _)| is_decisive(one)).flat_map(|(one, _)| &one.keys);
    keys.filter(|key| unknown.contains(*key)).cloned().collect()
}

/// Whether a statement applies to the request as the server will see it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Applies,
    /// Depends on unknown values.
    Open,
    Passed,
}

impl Standing {
    fn of(considered: &Considered, unknown: &BTreeSet<ConditionKey>) -> Self {
        match &considered.application {
            Application::Applies if considered.keys.iter().any(|key| unknown.contains(key)) => Self::Open,
            Application::Applies => Self::Applies,
            Application::Conditions(unmet) if unmet.iter().all(|one| unknown.contains(&one.key)) => {
                Self::Open
            }
            _ => Self::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Layers, Policy, PolicyKind, Principal, PrincipalId, Query, Rule, Value, explain};

    /// A context without any value.
    struct Nothing;

    impl Context for Nothing {
        fn value(&self, _: &ConditionKey) -> Option<Value<'_>> {
            None
        }
    }

    fn depends(statements: &str) -> (bool, usize) {
        let text = format!(r#"{{"Version":"1","Statement":[{statements}]}}"#);
        let policy = Policy::parse(PolicyKind::Identity, "1", &text).unwrap();
        let layers = Layers { session: None, identity: &[&policy], resource: None, rule: Rule::Either };
        let explanation = explain(
            &layers,
            &Query {
                actions: &["kms:Encrypt"],
                resource: "acs:kms:r:1:key/k",
                principal: Principal::User(PrincipalId::from_random(1)),
                context: &Nothing,
            },
        );
        let unknown = BTreeSet::from([ConditionKey::SourceIp]);
        (explanation.decision.is_allowed(), depends_on(&explanation, &unknown).len())
    }

    #[test]
    fn an_answer_depends_on_what_could_turn_it() {
        let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
        let deny = r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#;
        let inside = r#""Condition":{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}}"#;
        let outside = r#""Condition":{"NotIpAddress":{"acs:SourceIp":"10.0.0.0/8"}}}"#;
        let by_day = r#""Condition":{"DateLessThan":{"acs:CurrentTime":"2020-01-01T00:00:00Z"}}}"#;
        let with =
            |statement: &str, condition: &str| format!("{},{condition}", statement.trim_end_matches('}'));
        assert_eq!(depends(allow), (true, 0));
        assert_eq!(depends(deny), (false, 0));
        assert_eq!(depends(&with(allow, inside)), (false, 1));
        assert_eq!(depends(&with(allow, by_day)), (false, 0));
        assert_eq!(depends(&format!("{},{deny}", with(allow, inside))), (false, 0));
        assert_eq!(depends(&format!("{allow},{}", with(deny, inside))), (true, 1));
        // A negated condition on an absent key is met in a Deny; with the client's address it may not be.
        assert_eq!(depends(&format!("{allow},{}", with(deny, outside))), (false, 1));
        assert_eq!(depends(&with(deny, outside)), (false, 0));
        assert_eq!(depends(&format!("{allow},{}", with(allow, inside))), (true, 0));
    }
}
