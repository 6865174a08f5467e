//! The expected answer of a search for keys.

use super::*;

/// The expected answer, computed from the replies of actions.
pub(super) fn naive(seen: &[KeyEntry], query: &FindKeys) -> FoundKeys {
    let mut found: Vec<_> = seen.iter().enumerate().filter(|(_, key)| matches(key, query)).collect();
    let state = |metadata: &KeyMetadata| {
        STATES.iter().position(|state| state.name() == metadata.key_state).unwrap().to_string()
    };
    let field = |key: &KeyEntry| match query.order {
        KeyOrder::Created => Some(String::new()),
        KeyOrder::Id => Some(key.key_id.clone()),
        KeyOrder::Alias => key.aliases.as_ref()?.first().cloned(),
        KeyOrder::State => key.metadata.as_ref().map(state),
    };
    // The position in ListKeys is the age.
    found.sort_by_key(|(age, key)| (field(key), *age));
    if query.descending {
        found.reverse();
    }
    let (mut with, mut without): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|(_, key)| field(key).is_some());
    without.sort_by_key(|(age, _)| *age);
    with.append(&mut without);
    let total = with.len() as u64;
    let size = query.page_size.unwrap() as usize;
    let skipped = (query.page_number.unwrap() as usize - 1) * size;
    let keys = with.into_iter().skip(skipped).take(size).map(|(_, key)| key.clone()).collect();
    FoundKeys { total, keys }
}

fn matches(key: &KeyEntry, query: &FindKeys) -> bool {
    let has = |is: &dyn Fn(&KeyMetadata) -> bool| key.metadata.as_ref().is_some_and(is);
    let is_alias = |is: &dyn Fn(&str) -> bool| {
        key.aliases.as_ref().is_some_and(|names| names.iter().any(|name| is(name)))
    };
    let short = |name: &str| name.strip_prefix("alias/").unwrap_or(name).to_owned();
    let is_tag = |tag: &WantedTag| {
        let is = |(key, value): &(String, String)| {
            *key == tag.key && tag.value.as_ref().is_none_or(|required| required == value)
        };
        key.tags.as_ref().is_some_and(|tags| tags.iter().any(is))
    };
    let is_in_alias = |text: &str| {
        is_alias(&|name| {
            let name = if text.starts_with("alias/") { name.to_owned() } else { short(name) };
            name.to_lowercase().contains(text)
        })
    };
    let is_text = |text: &String| {
        let text = text.to_lowercase();
        key.key_id.starts_with(&text)
            || is_in_alias(&text)
            || has(&|key| key.description.to_lowercase().contains(&text))
    };
    query.state.is_none_or(|state| has(&|key| key.key_state == state.name()))
        && query.spec.is_none_or(|spec| has(&|key| key.key_spec == spec.name()))
        && query.usage.is_none_or(|usage| has(&|key| key.key_usage == usage.name()))
        && query.origin.is_none_or(|origin| has(&|key| key.origin == origin.name()))
        && query.alias_part.as_ref().is_none_or(|part| is_in_alias(&part.to_lowercase()))
        && query.tag.as_ref().is_none_or(is_tag)
        && query.text.as_ref().is_none_or(is_text)
}
