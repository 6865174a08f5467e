//! Conditions: an operator, a key, and the values to compare the request's value with.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::net::IpAddr;
use std::rc::Rc;

use ipnet::{IpNet, Ipv4Net};
use jiff::Timestamp;

use crate::error::{PolicyError, Reason};
use crate::json::Node;
use crate::key::{ConditionKey, Holds};
use crate::pattern::{Pattern, Subject};
use crate::policy::{Effect, PolicyKind};

/// The value of a condition key in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// Several texts, at least one of which has to match. An empty list is equivalent to an absent key.
    Texts(&'a [&'a str]),
    /// Seconds since the Unix epoch.
    Date(i64),
    /// A boolean.
    Boolean(bool),
    /// An IP address; an IPv4-mapped IPv6 address is treated as the IPv4 address.
    Address(IpAddr),
}

/// The values of a request that conditions compare.
pub trait Context {
    /// Returns the value of a key, or `None` if the request has none. No condition is met by an absent key, except negated ones
    /// in a Deny.
    fn value(&self, key: &ConditionKey) -> Option<Value<'_>>;
}

/// The values of one request. Keeps the texts that were compared with patterns, because many statements compare the same one.
pub(crate) struct Values<'a> {
    context: &'a dyn Context,
    subjects: RefCell<Vec<Rc<Subject<'a>>>>,
}

impl<'a> Values<'a> {
    pub(crate) const fn new(context: &'a dyn Context) -> Self {
        Self { context, subjects: RefCell::new(Vec::new()) }
    }

    pub(crate) fn has(&self, key: &ConditionKey) -> bool {
        self.context.value(key).is_some()
    }

    fn subject(&self, text: &'a str) -> Rc<Subject<'a>> {
        let mut subjects = self.subjects.borrow_mut();
        if let Some(kept) = subjects.iter().find(|kept| kept.is(text)) {
            return Rc::clone(kept);
        }
        let subject = Rc::new(Subject::new(text));
        if subjects.len() < MOST_KEPT {
            subjects.push(Rc::clone(&subject));
        }
        subject
    }
}

/// Maximum number of texts kept; few, so that a linear search is cheap.
const MOST_KEPT: usize = 8;

/// One operator and key of a statement, with the values that the policy lists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    pub(crate) key: ConditionKey,
    pub(crate) operator: &'static Operator,
    test: Test,
}

/// A condition operator.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) name: &'static str,
    family: Family,
    /// The condition is met if no value matches.
    negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    Text,
    TextWithoutCase,
    TextPattern,
    Number(Comparison),
    Date(Comparison),
    Boolean,
    Address,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The values that the policy lists, parsed for the operator.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    Texts(Box<[Box<str>]>),
    TextsWithoutCase(Box<[Box<str>]>),
    Patterns(Box<[Pattern]>),
    Numbers(Comparison, Box<[Number]>),
    Dates(Comparison, Box<[Timestamp]>),
    Boolean(bool),
    Networks(Box<[IpNet]>),
}

impl Condition {
    /// Parses the `Condition` of a statement: `{operator: {key: values}}`.
    pub(crate) fn parse_all(node: &Node<'_>, kind: PolicyKind) -> Result<Vec<Self>, PolicyError> {
        let mut conditions = Vec::new();
        for operator in node.members()? {
            let definition = OPERATORS.iter().find(|definition| definition.name == &*operator.name);
            let Some(definition) = definition else {
                return Err(operator.refused(Reason::Operator(operator.name.to_string())));
            };
            let keys = operator.value.members()?;
            if keys.is_empty() {
                return Err(operator.value.refused(Reason::Empty));
            }
            for key in keys {
                let unknown = || key.refused(Reason::ConditionKey(key.name.to_string()));
                let parsed = ConditionKey::parse(&key.name, kind).ok_or_else(unknown)?;
                definition.check(&parsed).map_err(|reason| key.refused(reason))?;
                conditions.push(Self {
                    key: parsed,
                    operator: definition,
                    test: Test::parse(definition, &key.value)?,
                });
            }
        }
        if conditions.is_empty() { Err(node.refused(Reason::Empty)) } else { Ok(conditions) }
    }

    /// Whether the condition lets its statement apply. In doubt, a Deny applies and an Allow does not: an absent key meets
    /// a negated operator in a Deny, and an unreadable value meets every operator in a Deny.
    pub(crate) fn is_met(&self, effect: Effect, values: &Values<'_>) -> bool {
        match self.matches(values) {
            Match::Absent => effect == Effect::Deny && self.operator.negated,
            Match::Unreadable => effect == Effect::Deny,
            Match::Yes => !self.operator.negated,
            Match::No => self.operator.negated,
        }
    }

    /// Whether the condition restricts `key` to listed texts, none of which consists of wildcards alone.
    pub(crate) fn fixes(&self, key: &ConditionKey) -> bool {
        let lists = |texts: &[Box<str>]| texts.iter().all(|text| !Pattern::new(text).is_only_wildcards());
        self.key == *key
            && !self.operator.negated
            && match &self.test {
                Test::Texts(texts) | Test::TextsWithoutCase(texts) => lists(texts),
                Test::Patterns(patterns) => !patterns.iter().any(Pattern::is_only_wildcards),
                _ => false,
            }
    }

    fn matches(&self, values: &Values<'_>) -> Match {
        match values.context.value(&self.key) {
            None | Some(Value::Texts([])) => Match::Absent,
            Some(Value::Texts(texts)) => {
                let matches = texts.iter().map(|text| self.test.matches(Value::Text(text), values));
                // One match is enough. Without a match, one unreadable text makes the result unreadable.
                matches.max().expect("the list is not empty")
            }
            Some(value) => self.test.matches(value, values),
        }
    }
}

/// The result of comparing a value with a test. Of several values, the greatest result counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Match {
    Absent,
    No,
    Unreadable,
    Yes,
}

impl Operator {
    /// Checks that the operator can compare what the key holds. A text can be parsed as any type; other keys need an operator of
    /// their own type.
    fn check(&'static self, key: &ConditionKey) -> Result<(), Reason> {
        let holds = match (key.holds(), self.family) {
            (Holds::Text, _)
            | (Holds::Date, Family::Date(_))
            | (Holds::Boolean, Family::Boolean)
            | (Holds::Address, Family::Address) => return Ok(()),
            (Holds::Date, _) => "a date",
            (Holds::Boolean, _) => "a boolean",
            (Holds::Address, _) => "an address",
        };
        Err(Reason::OperatorForKey { operator: self.name, holds })
    }
}

impl Test {
    fn parse(operator: &Operator, node: &Node<'_>) -> Result<Self, PolicyError> {
        Ok(match operator.family {
            Family::Text => Self::Texts(each(node, "", |text| Some(text.into()))?),
            Family::TextWithoutCase => {
                Self::TextsWithoutCase(each(node, "", |text| Some(lower(text).collect()))?)
            }
            Family::TextPattern => Self::Patterns(each(node, "", |text| Some(Pattern::new(text)))?),
            Family::Number(comparison) => {
                Self::Numbers(comparison, each(node, "a decimal number of up to 18 digits", Number::parse)?)
            }
            Family::Date(comparison) => {
                Self::Dates(comparison, each(node, "a date such as 2019-08-12T17:00:00+08:00", date)?)
            }
            Family::Boolean => match each(node, "true or false", boolean)?[..] {
                [one] => Self::Boolean(one),
                _ => return Err(node.refused(Reason::SeveralBooleans)),
            },
            Family::Address => {
                Self::Networks(each(node, "an address or a network such as 10.0.0.0/8", network)?)
            }
        })
    }

    fn matches<'a>(&self, value: Value<'a>, values: &Values<'a>) -> Match {
        self.compare(value, values)
            .map_or(Match::Unreadable, |matches| if matches { Match::Yes } else { Match::No })
    }

    /// Compares a value; `None` if it cannot be parsed as the type of the test.
    fn compare<'a>(&self, value: Value<'a>, values: &Values<'a>) -> Option<bool> {
        let text = match value {
            Value::Text(text) => Some(text),
            _ => None,
        };
        Some(match self {
            Self::Texts(texts) => {
                let value = text?;
                texts.iter().any(|one| **one == *value)
            }
            Self::TextsWithoutCase(texts) => {
                let value = text?;
                texts.iter().any(|one| lower(value).eq(one.chars()))
            }
            Self::Patterns(patterns) => {
                let subject = values.subject(text?);
                if subject.is_too_long() {
                    return None;
                }
                patterns.iter().any(|pattern| pattern.matches(&subject))
            }
            Self::Numbers(comparison, numbers) => {
                let value = Number::parse(text?)?;
                numbers.iter().any(|number| comparison.holds(value.cmp(number)))
            }
            Self::Dates(comparison, dates) => {
                let value = match value {
                    Value::Date(seconds) => Timestamp::from_second(seconds).ok()?,
                    _ => date(text?)?,
                };
                dates.iter().any(|date| comparison.holds(value.cmp(date)))
            }
            Self::Boolean(expected) => match value {
                Value::Boolean(value) => value == *expected,
                _ => boolean(text?)? == *expected,
            },
            Self::Networks(networks) => {
                let value = match value {
                    Value::Address(address) => address,
                    _ => text?.parse().ok()?,
                };
                networks.iter().any(|network| network.contains(&value.to_canonical()))
            }
        })
    }
}

impl Comparison {
    const fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

fn each<T>(
    node: &Node<'_>,
    expected: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Box<[T]>, PolicyError> {
    let value =
        |item: Node<'_>| read(&item.scalar()?).ok_or_else(|| item.refused(Reason::ConditionValue(expected)));
    node.one_or_more()?.into_iter().map(value).collect()
}

/// A decimal number in units of 10^-18, so that comparisons are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Number(i128);

impl Number {
    /// Parses digits with an optional sign and fraction, up to 18 digits on each side. Exponents are refused.
    fn parse(text: &str) -> Option<Self> {
        let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let is_number = |digits: &str| {
            (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !is_number(whole) || !is_number(fraction) {
            return None;
        }
        let units: i128 = format!("{whole}{fraction:0<18}").parse().ok()?;
        Some(Self(sign * units))
    }
}

/// Parses ISO 8601 with seconds and an offset or `Z`.
fn date(text: &str) -> Option<Timestamp> {
    // `jiff` also accepts the name of a time zone in brackets, lower case, and a space instead of `T`.
    let plain = |byte: u8| byte.is_ascii_digit() || b"-+:.TZ".contains(&byte);
    if text.len() <= 40 && text.bytes().all(plain) { text.parse().ok() } else { None }
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Parses a network or a single address. An IPv4-mapped IPv6 network becomes the IPv4 network.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address),
        Err(_) => text.parse().ok()?,
    };
    Some(match network {
        IpNet::V6(v6) if v6.prefix_len() >= MAPPED_BITS => match v6.addr().to_ipv4_mapped() {
            Some(v4) => IpNet::V4(Ipv4Net::new(v4, v6.prefix_len() - MAPPED_BITS).ok()?),
            None => network,
        },
        _ => network,
    })
}

/// The prefix length of `::ffff:0:0/96`, the IPv4-mapped addresses.
const MAPPED_BITS: u8 = 96;

/// Returns the characters in lower case, lazily, so that a comparison ends at the first difference.
fn lower(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

const fn operator(name: &'static str, family: Family) -> Operator {
    Operator { name, family, negated: false }
}

const fn negated(name: &'static str, family: Family) -> Operator {
    Operator { name, family, negated: true }
}

/// All operators.
static OPERATORS: &[Operator] = &[
    operator("StringEquals", Family::Text),
    negated("StringNotEquals", Family::Text),
    operator("StringEqualsIgnoreCase", Family::TextWithoutCase),
    negated("StringNotEqualsIgnoreCase", Family::TextWithoutCase),
    operator("StringLike", Family::TextPattern),
    negated("StringNotLike", Family::TextPattern),
    operator("NumericEquals", Family::Number(Comparison::Equal)),
    negated("NumericNotEquals", Family::Number(Comparison::Equal)),
    operator("NumericLessThan", Family::Number(Comparison::Less)),
    operator("NumericLessThanEquals", Family::Number(Comparison::LessOrEqual)),
    operator("NumericGreaterThan", Family::Number(Comparison::Greater)),
    operator("NumericGreaterThanEquals", Family::Number(Comparison::GreaterOrEqual)),
    operator("DateEquals", Family::Date(Comparison::Equal)),
    negated("DateNotEquals", Family::Date(Comparison::Equal)),
    operator("DateLessThan", Family::Date(Comparison::Less)),
    operator("DateLessThanEquals", Family::Date(Comparison::LessOrEqual)),
    operator("DateGreaterThan", Family::Date(Comparison::Greater)),
    operator("DateGreaterThanEquals", Family::Date(Comparison::GreaterOrEqual)),
    operator("Bool", Family::Boolean),
    operator("IpAddress", Family::Address),
    negated("NotIpAddress", Family::Address),
];
