//! The frame of all pages, and small parts that many pages use.

use bulla_wire::Error;
use maud::{DOCTYPE, Markup, html};

use crate::assets::{ICON, SCRIPT, STYLE};
use crate::context::View;
use crate::errors::sentence;
use crate::paths::{path, with_query};
use crate::texts::{self, Language, Text};

/// The pages in the navigation, by the path below the prefix.
const NAVIGATION: [(&str, Text); 14] = [
    ("", texts::OVERVIEW),
    ("keys", texts::KEYS),
    ("aliases", texts::ALIASES),
    ("secrets", texts::SECRETS),
    ("users", texts::USERS),
    ("groups", texts::GROUPS),
    ("roles", texts::ROLES),
    ("policies", texts::POLICIES),
    ("may", texts::CHECK_ACCESS),
    ("account", texts::ACCOUNT),
    ("audit", texts::AUDIT_TRAIL),
    ("limits", texts::LIMITS),
    ("try", texts::TRY_IT),
    ("files", texts::FILES),
];

/// Returns a whole page with this content.
pub(crate) fn page(view: &View, title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(view.language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " – " (view.text(texts::CONSOLE)) }
                link rel="icon" href=(ICON.path);
                link rel="stylesheet" href=(STYLE.path);
                script src=(SCRIPT.path) defer {}
            }
            body {
                a.skip href="#content" { (view.text(texts::SKIP)) }
                (header(view))
                main #content tabindex="-1" {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

fn header(view: &View) -> Markup {
    let other = match view.language {
        Language::English => Language::Chinese,
        Language::Chinese => Language::English,
    };
    let switch = with_query(&path("language", &[]), &[("to", &other.tag()[..2]), ("then", &view.here)]);
    html! {
        header {
            a.brand href=(crate::PREFIX) { (view.text(texts::CONSOLE)) }
            @if view.name.is_some() { (navigation(view)) }
            div.caller {
                a href=(switch) lang=(other.tag()) hreflang=(other.tag()) { (view.text(texts::OTHER_LANGUAGE)) }
                @if let Some(name) = &view.name {
                    span { (foreign(name)) }
                    form method="post" action=(path("sign-out", &[])) {
                        (token(view))
                        button.quiet { (view.text(texts::SIGN_OUT)) }
                    }
                }
            }
        }
    }
}

fn navigation(view: &View) -> Markup {
    let below =
        view.here.split('?').next().unwrap_or_default().strip_prefix(crate::PREFIX).unwrap_or_default();
    let here = below.split('/').next().unwrap_or_default();
    html! {
        nav aria-label=(view.text(texts::NAVIGATION)) {
            ul {
                @for (name, title) in NAVIGATION {
                    @let current = (here == name).then_some("page");
                    li {
                        @if view.denied_pages.contains(&name) {
                            span.denied aria-current=[current] { (not_allowed(view, title)) }
                        } @else {
                            a href=(path(name, &[])) aria-current=[current] { (view.text(title)) }
                        }
                    }
                }
            }
        }
    }
}

/// Shows the name of what the caller may not open or do.
pub(crate) fn not_allowed(view: &View, name: Text) -> Markup {
    html! { (view.text(name)) (view.text(texts::OPEN)) (view.text(texts::NOT_ALLOWED)) (view.text(texts::CLOSE)) }
}

/// Returns the hidden field that proves that a form belongs to this session.
pub(crate) fn token(view: &View) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(view.form_token); }
}

/// The name of the field with the token. It cannot be a parameter of the API, because these begin with a capital letter.
pub(crate) const TOKEN: &str = "token";

/// Shows untrusted text: it cannot change the direction of the text around it, and invisible characters are shown by their code
/// points.
pub(crate) fn foreign(text: &str) -> Markup {
    html! {
        bdi {
            @for part in parts(text) {
                @match part {
                    Part::Seen(text) => { (text) }
                    Part::Hidden(letter) => { span.code-point { (format!("U+{:04X}", u32::from(letter))) } }
                }
            }
        }
    }
}

enum Part<'a> {
    Seen(&'a str),
    Hidden(char),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut from = 0;
    for (at, letter) in text.char_indices().filter(|(_, letter)| is_hidden(*letter)) {
        if from < at {
            parts.push(Part::Seen(&text[from..at]));
        }
        parts.push(Part::Hidden(letter));
        from = at + letter.len_utf8();
    }
    if from < text.len() {
        parts.push(Part::Seen(&text[from..]));
    }
    parts
}

/// Whether a character is a control, changes the direction of others, joins them, or has no width.
pub(crate) fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Shows an error with the id of its request, by which the logs name it.
pub(crate) fn problem(view: &View, error: &Error, request_id: &str) -> Markup {
    html! {
        div.problem role="alert" {
            p { strong { (view.text(texts::PROBLEM)) (view.text(texts::COLON)) } (sentence(view.language, error)) }
            p.fine { code { (error.code_text()) } " · " (view.text(texts::REQUEST_ID)) " " code { (request_id) } }
        }
    }
}

/// Shows names and values, one pair a line.
pub(crate) fn facts(view: &View, facts: &[(Text, Markup)]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                dt { (view.text(*name)) }
                dd { @if is_empty(value) { "–" } @else { (value) } }
            }
        }
    }
}

fn is_empty(value: &Markup) -> bool {
    ["", "<bdi></bdi>"].contains(&&*value.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped_and_what_is_hidden_is_shown() {
        let shown = |text| foreign(text).into_string();
        assert_eq!(shown("a<b>&\"'"), "<bdi>a&lt;b&gt;&amp;&quot;'</bdi>");
        assert_eq!(shown("a\u{202e}b"), "<bdi>a<span class=\"code-point\">U+202E</span>b</bdi>");
        assert_eq!(shown("\n"), "<bdi><span class=\"code-point\">U+000A</span></bdi>");
        assert_eq!(shown("密钥"), "<bdi>密钥</bdi>");
    }

    #[test]
    fn what_has_no_value_is_a_dash() {
        let [none, empty, some] = [html! {}, foreign(""), foreign("a")].map(|value| is_empty(&value));
        assert_eq!((none, empty, some), (true, true, false));
    }
}
