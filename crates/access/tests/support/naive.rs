//! An evaluator that is independent of the crate: it applies the rules directly to the text of the documents, without parsing
//! ahead, classes of patterns or bit sets.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde_json::Value as Json;

use super::case::{Case, Given, Request};

/// The decision of several policies: allowed, or the layer that does not allow and whether a Deny is the reason.
pub(crate) type Answer = Result<(), (&'static str, bool)>;

/// Decides a case. `rule` names who has to allow: `either`, `both` or `resource`.
pub(crate) fn decide(case: &Case, rule: &str) -> Answer {
    let request = &case.request;
    if let Some(session) = &case.session {
        match effect_of(session, request, false) {
            "Allow" => {}
            effect => return Err(("session", effect == "Deny")),
        }
    }
    let identity: Vec<&str> = case.identity.iter().map(|policy| effect_of(policy, request, false)).collect();
    let resource = case.resource.as_ref().map_or("nothing", |policy| effect_of(policy, request, case.trust));
    if identity.contains(&"Deny") {
        return Err(("identity", true));
    }
    if resource == "Deny" {
        return Err(("resource", true));
    }
    let lacking = match (rule, identity.contains(&"Allow"), resource == "Allow") {
        ("either", true, _) | ("either", _, true) | ("both", true, true) | ("resource", _, true) => {
            return Ok(());
        }
        ("either", ..) | ("both", false, _) => "identity",
        _ => "resource",
    };
    Err((lacking, false))
}

fn effect_of(policy: &Json, request: &Request, trust: bool) -> &'static str {
    let statements = policy["Statement"].as_array().expect("a list");
    let any = |effect: &str| {
        statements.iter().any(|statement| statement["Effect"] == effect && applies(statement, request, trust))
    };
    if any("Deny") {
        "Deny"
    } else if any("Allow") {
        "Allow"
    } else {
        "nothing"
    }
}

fn applies(statement: &Json, request: &Request, trust: bool) -> bool {
    has_action(statement, request)
        && has_principal(statement, request, trust)
        && has_resource(statement, request)
        && conditions_met(statement, request)
}

fn has_action(statement: &Json, request: &Request) -> bool {
    let is_in = |list: &Json, action: &str| {
        texts(list).iter().any(|pattern| like(&pattern.to_lowercase(), &action.to_lowercase()))
    };
    request.actions.iter().any(|action| match statement.get("NotAction") {
        Some(list) => !is_in(list, action),
        None => is_in(&statement["Action"], action),
    })
}

fn has_principal(statement: &Json, request: &Request, trust: bool) -> bool {
    let Some(principal) = statement.get("Principal") else { return true };
    let (kind, name) = request.who;
    let ram = principal.get("RAM").map(texts).unwrap_or_default();
    let federated = principal.get("Federated").map(texts).unwrap_or_default();
    ram.iter().any(|arn| match arn.rsplit(':').next().expect("a part") {
        "root" | "*" => trust && kind != "oidc",
        exact => exact == format!("{kind}/{name}"),
    }) || federated.iter().any(|arn| kind == "oidc" && arn.ends_with(&format!("/{name}")))
}

fn has_resource(statement: &Json, request: &Request) -> bool {
    let Some(list) = statement.get("Resource") else { return true };
    // A region of `*` and an empty one are the same.
    let resource = request.resource.replacen("acs:ram:*:", "acs:ram::", 1);
    // Names of roles match in any case.
    let parts: Vec<&str> = resource.split(':').collect();
    let is_role = parts.len() > 4 && parts[1] == "ram" && parts[4].starts_with("role/");
    let cased = |text: &str| if is_role { text.to_ascii_lowercase() } else { text.to_owned() };
    texts(list).iter().any(|pattern| like(&cased(pattern), &cased(&resource)))
}

fn conditions_met(statement: &Json, request: &Request) -> bool {
    let Some(conditions) = statement.get("Condition") else { return true };
    let deny = statement["Effect"] == "Deny";
    conditions.as_object().expect("an object").iter().all(|(operator, keys)| {
        keys.as_object().expect("an object").iter().all(|(key, values)| {
            let negated = operator.contains("Not");
            let compare = |given: Given| {
                let mut results = Vec::new();
                for value in texts(values) {
                    results.push(compare(&operator.replace("Not", ""), &given, &value));
                }
                if results.contains(&None) { None } else { Some(results.contains(&Some(true))) }
            };
            let given = match request.values.get(key.as_str()) {
                None => vec![],
                Some(Given::Texts(texts)) => texts.iter().map(|text| Given::Texts(vec![*text])).collect(),
                Some(other) => vec![other.clone()],
            };
            let results: Vec<Option<bool>> = given.into_iter().map(compare).collect();
            if results.is_empty() {
                deny && negated
            } else if results.contains(&Some(true)) {
                !negated
            } else if results.contains(&None) {
                deny
            } else {
                negated
            }
        })
    })
}

/// Returns whether a value of a request matches a value of a condition; `None` if it cannot be parsed.
fn compare(operator: &str, given: &Given, value: &str) -> Option<bool> {
    let text = match given {
        Given::Texts(texts) => Some(texts[0]),
        _ => None,
    };
    if let Some(comparison) = operator.strip_prefix("Numeric") {
        return Some(holds(comparison, number(text?)?.cmp(&number(value).expect("checked when written"))));
    }
    if let Some(comparison) = operator.strip_prefix("Date") {
        let time = match given {
            Given::Time(seconds) => seconds * 1000,
            _ => milliseconds(text?)?,
        };
        return Some(holds(comparison, time.cmp(&milliseconds(value).expect("checked when written"))));
    }
    match operator {
        "StringEquals" => Some(text? == value),
        "StringEqualsIgnoreCase" => Some(text?.to_lowercase() == value.to_lowercase()),
        "StringLike" => Some(like(value, text?)),
        "Bool" => match given {
            Given::Truth(truth) => Some(*truth == (value.to_lowercase() == "true")),
            _ => match text?.to_lowercase().as_str() {
                given @ ("true" | "false") => Some(given == value.to_lowercase()),
                _ => None,
            },
        },
        "IpAddress" => match given {
            Given::Address(address) => Some(is_in_network(*address, value)),
            _ => Some(is_in_network(text?.parse().ok()?, value)),
        },
        other => panic!("no operator {other}"),
    }
}

fn holds(comparison: &str, ordering: Ordering) -> bool {
    match comparison {
        "Equals" => ordering == Ordering::Equal,
        "LessThan" => ordering == Ordering::Less,
        "LessThanEquals" => ordering != Ordering::Greater,
        "GreaterThan" => ordering == Ordering::Greater,
        "GreaterThanEquals" => ordering != Ordering::Less,
        other => panic!("no comparison {other}"),
    }
}

/// Parses a number in units of 10^-18, by adding up its digits.
fn number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let mut total = 0;
    for (part, scale) in [(whole, 18), (fraction, 18 - fraction.len() as i32)] {
        if part.is_empty() || part.len() > 18 || part.contains(|character: char| !character.is_ascii_digit())
        {
            return None;
        }
        for (at, digit) in part.chars().rev().enumerate() {
            total += i128::from(digit.to_digit(10)?) * 10_i128.pow(scale as u32 + at as u32);
        }
    }
    Some(if text.starts_with('-') { -total } else { total })
}

/// Parses `YYYY-MM-DDThh:mm:ss[.fff](Z|±hh:mm)` and returns milliseconds since 1970, by counting days.
fn milliseconds(text: &str) -> Option<i64> {
    let field = |from: usize, until: usize| text.get(from..until)?.parse::<i64>().ok();
    if text.get(10..11)? != "T" {
        return None;
    }
    let (year, month, day) = (field(0, 4)?, field(5, 7)?, field(8, 10)?);
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut days = 0;
    for year in 1970..year {
        days += if leap(year) { 366 } else { 365 };
    }
    for year in year..1970 {
        days -= if leap(year) { 366 } else { 365 };
    }
    let february = if leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    days += months[..month as usize - 1].iter().sum::<i64>() + day - 1;
    let rest = &text[19..];
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => (rest[..3].parse::<i64>().ok()?, &rest[3..]),
        None => (0, rest),
    };
    let offset = match zone {
        "Z" => 0,
        zone => {
            let minutes = zone[1..3].parse::<i64>().ok()? * 60 + zone[4..6].parse::<i64>().ok()?;
            if zone.starts_with('-') { -minutes } else { minutes }
        }
    };
    let seconds = ((days * 24 + field(11, 13)?) * 60 + field(14, 16)? - offset) * 60 + field(17, 19)?;
    Some(seconds * 1000 + fraction)
}

/// Compares addresses as IPv6, bit by bit.
fn is_in_network(address: IpAddr, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().expect("checked when written"))),
        None => (network, None),
    };
    let base: IpAddr = base.parse().expect("checked when written");
    let (base, length) = match base {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped(), length.map_or(128, |length| 96 + length)),
        IpAddr::V6(v6) => (v6, length.unwrap_or(128)),
    };
    let address = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    // An IPv4 address is in no IPv6 network that is wider than all of IPv4.
    if address.to_ipv4_mapped().is_some() && length < 96 {
        return false;
    }
    let bits = |address: std::net::Ipv6Addr| format!("{:0128b}", u128::from(address));
    bits(address)[..length as usize] == bits(base)[..length as usize]
}

/// Whether a text matches a pattern (`*` is any run of characters, `?` is one), by a table of matching prefixes.
pub(crate) fn like(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    for one in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match one {
                '*' => matched[at] || at > 0 && next[at - 1],
                '?' => at > 0 && matched[at - 1],
                one => at > 0 && matched[at - 1] && text[at - 1] == one,
            };
        }
        matched = next;
    }
    matched[text.len()]
}

/// Returns a value or a list of values as texts.
fn texts(value: &Json) -> Vec<String> {
    match value {
        Json::Array(values) => values.iter().flat_map(texts).collect(),
        Json::String(text) => vec![text.clone()],
        other => vec![other.to_string()],
    }
}
