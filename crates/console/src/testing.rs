//! A small browser for the tests: it keeps cookies, fills in the forms of pages as they are, and follows redirects.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bulla_kms::{AuditOptions, Connection, Kms, Options, Role, SystemClock};
use bulla_wire::{Error, Parameters, Product, ReplyFormat, Request as Call, render_reply};
use http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, HOST, HeaderName, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use pollster::block_on;
use serde_json::Value;
use tempfile::TempDir;

use crate::{Answer, Console, Request};

/// A store with two consoles: of its owner, and of its users.
pub(crate) struct Site {
    pub(crate) kms: Kms,
    owners: Console,
    pub(crate) users: Console,
    count: Cell<u32>,
    _data: TempDir,
}

/// A browser, signed in or not.
#[derive(Clone)]
pub(crate) struct Browser {
    pub(crate) site: Rc<Site>,
    is_owner: bool,
    language: &'static str,
    cookies: RefCell<BTreeMap<String, String>>,
}

/// A received page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    /// The path and query of the page, after redirects.
    pub(crate) at: String,
    pub(crate) html: String,
}

impl Browser {
    /// Signs in as the owner of a new store.
    pub(crate) fn owner() -> Self {
        Self::owner_with(|_| {})
    }

    /// Signs in as the owner of a new store with an audit trail.
    pub(crate) fn audited_owner() -> Self {
        Self::owner_with(|options| {
            options.audit = Some(AuditOptions::new(options.data.join("audit"), "node"));
        })
    }

    /// Signs in as the owner of a new store with changed options.
    pub(crate) fn owner_with(change: impl FnOnce(&mut Options)) -> Self {
        let data = TempDir::new().unwrap();
        let mut options = Options::new(data.path(), Role::Command);
        change(&mut options);
        let kms = Kms::open(&options, SystemClock).unwrap();
        let owners = Console::for_owner("localhost");
        let link = owners.make_link(kms.elapsed());
        let users = Console::new(["localhost".to_owned()]);
        let site = Rc::new(Site { kms, owners, users, count: Cell::new(0), _data: data });
        let browser = Self { site, is_owner: true, language: "en", cookies: RefCell::default() };
        let page = browser.post(&link, &[]);
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        browser
    }

    /// Returns another browser without a session, at the console of users.
    pub(crate) fn visitor(&self) -> Self {
        Self { site: Rc::clone(&self.site), is_owner: false, language: "en", cookies: RefCell::default() }
    }

    /// Creates a user with this policy in the same store, and signs in as the user with an access key.
    pub(crate) fn user(&self, name: &str, policy: &str) -> Self {
        let policy_name = format!("of-{name}");
        let user = ("UserName", name);
        let custom = [("PolicyType", "Custom"), ("PolicyName", &policy_name)];
        self.call(Product::Ram, "CreateUser", &[user]).unwrap();
        let document = ("PolicyDocument", policy);
        self.call(Product::Ram, "CreatePolicy", &[custom[1], document]).unwrap();
        self.call(Product::Ram, "AttachPolicyToUser", &[user, custom[0], custom[1]]).unwrap();
        let made = self.call(Product::Ram, "CreateAccessKey", &[user]).unwrap();
        let [id, secret] =
            ["AccessKeyId", "AccessKeySecret"].map(|field| made["AccessKey"][field].as_str().unwrap());
        let browser = self.visitor();
        let page = browser.post("/console/sign-in", &[("AccessKeyId", id), ("AccessKeySecret", secret)]);
        assert_ne!(page.at, "/console/sign-in", "{page:?}");
        browser
    }

    /// Returns this browser without its session, at the console of users.
    pub(crate) fn signed_out(&self) -> Self {
        Self { is_owner: false, cookies: RefCell::default(), ..self.clone() }
    }

    /// Returns this browser with Chinese as its language.
    pub(crate) fn in_chinese(&self) -> Self {
        Self { language: "zh-CN", ..self.clone() }
    }

    /// Calls an action as the owner, and returns its reply as JSON.
    pub(crate) fn call(
        &self,
        product: Product,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Error> {
        let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let call = Call::parse(product, action, &Parameters::from_pairs(pairs)?)?;
        let kms = &self.site.kms;
        let reply = block_on(kms.call(call, &kms.owner()))?;
        Ok(serde_json::from_str(&render_reply(ReplyFormat::Json, &reply, "id")).unwrap())
    }

    /// Returns how often it was called, for unique names.
    pub(crate) fn count(&self) -> u32 {
        self.site.count.set(self.site.count.get() + 1);
        self.site.count.get()
    }

    /// Creates a key with these parameters, and returns its id.
    pub(crate) fn make_key(&self, parameters: &[(&str, &str)]) -> String {
        let made = self.call(Product::Kms, "CreateKey", parameters).unwrap();
        made["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()
    }

    /// Requests the page at a path with its query.
    pub(crate) fn get(&self, to: &str) -> Page {
        self.page(to, self.send(&Method::GET, to, ""))
    }

    /// Requests the page at a path with its query, fills in these fields of its form, and posts it.
    pub(crate) fn post(&self, to: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.get(to);
        let path = to.split('?').next().unwrap();
        let mut filled = page.form(path);
        for (name, value) in fields {
            filled.set(name, *value);
        }
        self.page(path, self.send(&Method::POST, path, &filled.encode()))
    }

    /// Sends one request and keeps the cookies of the answer; does not follow a redirect.
    pub(crate) fn send(&self, method: &Method, to: &str, body: &str) -> Answer {
        let kms = &self.site.kms;
        let answer = self.ask(method, to, body, |console, request| block_on(console.answer(kms, request)));
        for line in answer.headers.get_all(SET_COOKIE) {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Makes one request with the cookies of this browser, and gives what `answered` makes of it.
    pub(crate) fn ask<T>(
        &self,
        method: &Method,
        to: &str,
        body: &str,
        answered: impl FnOnce(&Console, Request<'_>) -> T,
    ) -> T {
        let (path, query) = to.split_once('?').unwrap_or((to, ""));
        let mut headers = HeaderMap::new();
        let mut set = |name: HeaderName, value: &str| {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        };
        set(HOST, "localhost:7443");
        set(ORIGIN, "http://localhost:7443");
        set(ACCEPT_LANGUAGE, self.language);
        set(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let cookies: Vec<_> =
            self.cookies.borrow().iter().map(|(name, value)| format!("{name}={value}")).collect();
        set(COOKIE, &cookies.join("; "));
        let connection =
            Connection { source: None, tls: false, request_id: "the-request-id".into(), user_agent: None };
        let request = Request {
            method,
            path,
            query,
            headers: &headers,
            body: body.as_bytes(),
            connection: &connection,
        };
        answered(if self.is_owner { &self.site.owners } else { &self.site.users }, request)
    }

    fn page(&self, at: &str, answer: Answer) -> Page {
        match answer.headers.get(LOCATION) {
            Some(to) => self.get(to.to_str().unwrap()),
            None => {
                let html = str::from_utf8(answer.body.as_ref()).unwrap().to_owned();
                Page { status: answer.status, at: at.to_owned(), html }
            }
        }
    }
}

impl Page {
    pub(crate) fn has(&self, text: &str) -> bool {
        self.html.contains(text)
    }

    /// Returns the name and the accessible label of each visible control in the form that posts to a path.
    pub(crate) fn labels(&self, path: &str) -> Vec<(String, Option<String>)> {
        let form = self.form_to(path);
        let labels: Vec<_> = form
            .split("<label ")
            .skip(1)
            .filter_map(|label| {
                let (opening, rest) = label.split_once('>')?;
                Some((attribute(opening, "for")?, text_of(rest.split("</label>").next()?)))
            })
            .collect();
        let label_of = |opening: &str| {
            let id = attribute(opening, "id");
            let found = labels.iter().find(|(of, _)| Some(of) == id.as_ref()).map(|(_, text)| text.clone());
            found.or_else(|| attribute(opening, "aria-label")).filter(|text| !text.is_empty())
        };
        ["<input ", "<textarea ", "<select "]
            .iter()
            .flat_map(|tag| form.split(tag).skip(1))
            .filter_map(|control| {
                let opening = control.split('>').next()?;
                let is_hidden = attribute(opening, "type").as_deref() == Some("hidden");
                let is_hidden = is_hidden || opening.ends_with(" hidden");
                (!is_hidden).then(|| (attribute(opening, "name").unwrap_or_default(), label_of(opening)))
            })
            .collect()
    }

    fn form_to(&self, path: &str) -> &str {
        let mut forms = self.html.split("<form ").skip(1).map(|form| form.split("</form>").next().unwrap());
        let is_it = |form: &&str| attribute(form, "action").as_deref() == Some(path);
        forms.find(is_it).unwrap_or_else(|| panic!("no form for {path}: {}", self.html))
    }

    /// Returns the fields of the form that posts to a path, with their current values.
    pub(crate) fn form(&self, path: &str) -> Parameters {
        let form = self.form_to(path);
        let mut fields = Parameters::default();
        for tag in ["<input ", "<textarea ", "<select "] {
            for control in form.split(tag).skip(1) {
                let (opening, rest) = control.split_once('>').unwrap();
                let is_box =
                    attribute(opening, "type").is_some_and(|kind| kind == "checkbox" || kind == "radio");
                let is_on = !is_box || opening.contains(" checked");
                let Some(name) = attribute(opening, "name").filter(|_| is_on) else { continue };
                let value = match tag {
                    "<textarea " => {
                        Some(unescaped(rest.split("</").next().unwrap().trim_start_matches('\n')))
                    }
                    "<select " => selected(rest.split("</select>").next().unwrap()),
                    _ => attribute(opening, "value"),
                };
                fields.set(&name, value.unwrap_or_default());
            }
        }
        fields
    }
}

/// A policy that allows everything.
pub(crate) const EVERYTHING: &str =
    r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// Wraps 32 bytes of key material for the public key of an import.
pub(crate) fn wrap(public_key: &str) -> String {
    let public = PublicEncryptingKey::from_der(&BASE64_STANDARD.decode(public_key).unwrap()).unwrap();
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    let mut wrapped = vec![0; public.ciphertext_size()];
    public.encrypt(&OAEP_SHA256_MGF1SHA256, &[7; 32], &mut wrapped, None).unwrap();
    BASE64_STANDARD.encode(wrapped)
}

/// Returns the text of an element's content, without tags.
fn text_of(content: &str) -> String {
    let mut parts = content.split('<');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest = parts.filter_map(|part| Some(part.split_once('>')?.1));
    unescaped(&rest.fold(first, |text, part| text + part)).trim().to_owned()
}

/// Returns the value of the selected option, or of the first.
fn selected(options: &str) -> Option<String> {
    let options = || options.split("<option ").skip(1).map(|option| option.split('>').next().unwrap());
    let option = options().find(|option| option.contains(" selected")).or(options().next())?;
    attribute(option, "value")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let opening = tag.split('>').next()?;
    let start = format!("{name}=\"");
    let value = opening.strip_prefix(&start).or_else(|| Some(opening.split_once(&format!(" {start}"))?.1))?;
    Some(unescaped(value.split('"').next()?))
}

fn unescaped(text: &str) -> String {
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
        .iter()
        .fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

#[test]
fn a_form_is_filled_in_sent_and_followed() {
    let owner = Browser::owner();
    let page = owner.post("/console/do/kms/CreateKey", &[("Description", "<first> & \"key\"")]);
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.at.starts_with("/console/keys/"), "{}", page.at);
    assert!(page.has("&lt;first&gt; &amp; &quot;key&quot;"), "{}", page.html);
    assert!(owner.in_chinese().get(&page.at).has("lang=\"zh-CN\""));
    let unprivileged = owner.user(
        "ann",
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:ListKeys","Resource":"*"}]}"#,
    );
    assert_eq!(unprivileged.get(&page.at).status, StatusCode::FORBIDDEN);
}
