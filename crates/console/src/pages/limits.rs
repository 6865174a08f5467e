//! Quotas and request limits, with their use. Read only, because only the configuration file sets them.

use bulla_kms::{Creator, DescribeLimits, LimitsInForce, RequestLimit};
use bulla_wire::Error;
use maud::{Markup, html};

use super::Page;
use super::parts::{table, table_or};
use crate::context::Context;
use crate::layout::foreign;
use crate::texts::{self, Text, text};

pub(super) async fn show(context: &Context<'_>) -> Result<Page, Error> {
    let limits = context.find(DescribeLimits {}).await?;
    let content = html! {
        p { (context.text(if context.is_embedded() { ABOUT_STORE } else { ABOUT })) }
        h2 { (context.text(text("Quotas", "配额"))) }
        (quotas(context, &limits))
        h2 { (context.text(text("Keys, aliases and secrets by creator", "按创建者统计密钥、别名和凭据"))) }
        (creators(context, limits.creators.as_deref()))
        h2 { (context.text(text("Requests per second", "每秒请求数"))) }
        (requests(context, &limits))
    };
    Ok(Page { title: context.text(texts::LIMITS).to_owned(), content })
}

/// A quota, with its current use.
struct Quota {
    words: Text,
    /// Its name in the configuration file.
    setting: &'static str,
    limit: Option<usize>,
    used: Used,
}

/// The use of a quota.
enum Used {
    Now(usize),
    /// Not a single number, for this reason.
    Varies(Text),
}

fn quotas(context: &Context<'_>, limits: &LimitsInForce) -> Markup {
    let heads =
        [text("Quota", "配额"), text("Setting", "配置项"), text("Used", "已用"), text("Limit", "上限")];
    let row = |quota: Quota| {
        let used = match quota.used {
            Used::Now(count) => html! { (count) },
            Used::Varies(why) => html! { span.fine { (context.text(why)) } },
        };
        let limit = quota.limit.map_or_else(|| no_limit(context), |limit| html! { (limit) });
        vec![html! { (context.text(quota.words)) }, html! { code { (quota.setting) } }, used, limit]
    };
    let rows: Vec<_> = of_account(limits).into_iter().chain(of_each(limits)).map(row).collect();
    table(context, &heads, &rows)
}

/// Returns the quotas of the account, and those of creators with the use by the largest one.
fn of_account(limits: &LimitsInForce) -> Vec<Quota> {
    let LimitsInForce { quotas, used, most_by_one: most, .. } = limits;
    let of = |words, setting, used, limit| Quota { words, setting, limit, used: Used::Now(used) };
    vec![
        of(texts::KEYS, "keys", used.made.keys, quotas.keys),
        of(KEYS_OF_ONE, "keys-per-creator", most.keys, quotas.keys_per_creator),
        of(texts::ALIASES, "aliases", used.made.aliases, quotas.aliases),
        of(ALIASES_OF_ONE, "aliases-per-creator", most.aliases, quotas.aliases_per_creator),
        of(texts::SECRETS, "secrets", used.made.secrets, quotas.secrets),
        of(SECRETS_OF_ONE, "secrets-per-creator", most.secrets, quotas.secrets_per_creator),
        of(texts::USERS, "users", used.users, Some(quotas.users)),
        of(texts::GROUPS, "groups", used.groups, Some(quotas.groups)),
        of(texts::ROLES, "roles", used.roles, Some(quotas.roles)),
        of(text("MFA devices", "MFA 设备"), "mfa-devices", used.mfa_devices, Some(quotas.mfa_devices)),
        of(texts::POLICIES, "policies", used.policies, Some(quotas.policies)),
    ]
}

/// Returns the quotas of each key, user and so on.
fn of_each(limits: &LimitsInForce) -> Vec<Quota> {
    let quotas = &limits.quotas;
    let of = |words, setting, limit| Quota { words, setting, limit, used: Used::Varies(EACH) };
    vec![
        of(text("Versions of a key", "每个密钥的版本"), "key-versions", quotas.key_versions),
        of(
            text("Access keys of a user", "每个用户的访问密钥"),
            "access-keys-per-user",
            Some(quotas.access_keys_per_user),
        ),
        of(text("Groups of a user", "每个用户所属的用户组"), "groups-per-user", Some(quotas.groups_per_user)),
        of(
            text("Versions of a policy", "每个权限策略的版本"),
            "policy-versions",
            Some(quotas.policy_versions),
        ),
        of(
            text("System policies attached to one", "每个对象附加的系统策略"),
            "system-policies-attached",
            Some(quotas.system_policies_attached),
        ),
        of(
            text("Policies of a user", "每个用户的权限策略"),
            "policies-per-user",
            Some(quotas.policies_per_user),
        ),
        of(
            text("Policies of a group", "每个用户组的权限策略"),
            "policies-per-group",
            Some(quotas.policies_per_group),
        ),
        of(
            text("Policies of a role", "每个角色的权限策略"),
            "policies-per-role",
            Some(quotas.policies_per_role),
        ),
        Quota {
            words: text("AssumeRole, of all callers", "所有调用者的 AssumeRole"),
            setting: "assume-roles-per-second",
            limit: Some(quotas.assume_roles_per_second),
            used: Used::Varies(text("counted each second", "按秒计数")),
        },
    ]
}

fn creators(context: &Context<'_>, creators: Option<&[Creator]>) -> Markup {
    let Some(creators) = creators else {
        return html! { p { span.fine { (context.text(texts::NOT_ALLOWED)) " (ram:ListUsers)" } } };
    };
    let row = |creator: &Creator| {
        let counts = [creator.made.keys, creator.made.aliases, creator.made.secrets];
        let counts = counts.into_iter().map(|count| html! { (count) });
        [foreign(&creator.name)].into_iter().chain(counts).collect()
    };
    let rows: Vec<_> = creators.iter().map(row).collect();
    let heads = [text("Creator", "创建者"), texts::KEYS, texts::ALIASES, texts::SECRETS];
    table_or(context, &heads, &rows, NO_CREATORS)
}

fn requests(context: &Context<'_>, limits: &LimitsInForce) -> Markup {
    let row = |words: Text, setting: &str, limit: Option<RequestLimit>, refused: u64| {
        let per_second =
            limit.map_or_else(|| no_limit(context), |limit| html! { (limit.requests_per_second) });
        let burst = limit.map(|limit| limit.burst.unwrap_or(limit.requests_per_second));
        let burst = burst.map_or_else(|| html! { "–" }, |burst| html! { (burst) });
        vec![
            html! { (context.text(words)) },
            html! { code { (setting) } },
            per_second,
            burst,
            html! { (refused) },
        ]
    };
    let in_force = &limits.requests;
    let refused = &limits.throttled;
    let rows = [
        row(text("Each access key", "每个访问密钥"), "access-key", in_force.access_key, refused.access_key),
        row(text("Each user", "每个用户"), "user", in_force.user, refused.user),
        row(text("Each source address", "每个来源地址"), "source", in_force.source, refused.source),
    ];
    let heads = [
        text("Limit", "限制"),
        text("Setting", "配置项"),
        text("Per second", "每秒"),
        text("At once", "瞬时上限"),
        text("Refused since the start", "启动以来拒绝的请求"),
    ];
    table(context, &heads, &rows)
}

fn no_limit(context: &Context<'_>) -> Markup {
    html! { span.fine { (context.text(text("no limit", "不限"))) } }
}

const ABOUT: Text = text(
    "The configuration file of the server sets these values, in its tables quotas and limits, and a reload (SIGHUP) takes them over. \
     They cannot be changed here.",
    "这些值只能在服务器配置文件的 quotas 和 limits 表中设置，重新加载（SIGHUP）后生效，不能在此处修改。",
);
const ABOUT_STORE: Text = text(
    "The values of the embedded KMS. They cannot be changed; a server (`bulla serve`) with this store has those of its configuration file.",
    "此处为内嵌 KMS 的取值，不能修改。用此密钥库运行服务器（bulla serve）时，以其配置文件中的值为准。",
);
const EACH: Text = text("counted for each", "按对象分别计数");
const KEYS_OF_ONE: Text = text("Keys by one creator (the most now)", "单个创建者的密钥（当前最多）");
const ALIASES_OF_ONE: Text = text("Aliases by one creator (the most now)", "单个创建者的别名（当前最多）");
const SECRETS_OF_ONE: Text = text("Secrets by one creator (the most now)", "单个创建者的凭据（当前最多）");
const NO_CREATORS: Text = text(
    "No key, alias or secret counts against the quota of a creator yet.",
    "还没有计入创建者配额的密钥、别名或凭据。",
);

#[cfg(test)]
mod tests {
    use bulla_kms::{Quotas, RequestLimits};
    use http::StatusCode;

    use crate::testing::{Browser, EVERYTHING};

    const READER: &str = r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:GetKmsInstanceQuotaInfos","Resource":"*"}]}"#;
    const LISTER: &str =
        r#"{"Version":"1","Statement":[{"Effect":"Allow","Action":"kms:List*","Resource":"*"}]}"#;

    #[test]
    fn quotas_and_limits_are_shown_with_what_is_used() {
        let owner = Browser::owner_with(|options| {
            options.quotas = Quotas { keys: Some(77), ..Quotas::default() };
            let limit = serde_json::from_str(r#"{"requests-per-second": 1234, "burst": 5678}"#).unwrap();
            options.request_limits = RequestLimits { user: Some(limit), ..RequestLimits::default() };
        });
        let ann = owner.user("ann", EVERYTHING);
        for _ in 0..3 {
            ann.post("/console/do/kms/CreateKey", &[]);
        }
        let page = owner.get("/console/limits");
        for text in ["77", "1234", "5678", "keys-per-creator", "user/ann", "no limit"] {
            assert!(page.has(text), "{text}: {page:?}");
        }
        assert!(page.has("embedded KMS") && !page.has("SIGHUP"), "{page:?}");
        let of_server = ann.get("/console/limits");
        assert!(of_server.has("SIGHUP") && !of_server.has("embedded KMS"), "{of_server:?}");
        let keys = page.html.split("<code>keys</code>").nth(1).unwrap();
        assert!(keys.contains(r#"<td data-label="Used">3</td><td data-label="Limit">77</td>"#), "{keys}");
        let chinese = owner.in_chinese().get("/console/limits");
        assert!(chinese.has("限制与配额") && chinese.has("启动以来拒绝的请求"), "{chinese:?}");
        assert!(!page.has("<form method=\"post\" action=\"/console/limits"), "it is read only");
    }

    #[test]
    fn it_takes_a_permission_of_its_own() {
        let owner = Browser::owner();
        let refused = owner.user("lister", LISTER).get("/console/limits");
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        let page = owner.user("reader", READER).get("/console/limits");
        assert!(page.status == StatusCode::OK && page.has("(ram:ListUsers)"), "{page:?}");
        assert!(!page.has("user/"), "{page:?}");
    }
}
