//! What the pages say, in English and Chinese: the one table of texts.

use http::header::ACCEPT_LANGUAGE;

use crate::cookies;
use crate::http::Request;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

/// One text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) english: &'static str,
    pub(crate) chinese: &'static str,
}

impl Language {
    /// The one that the reader chose, else the first one that the browser asks for and that there is.
    pub(crate) fn of(request: &Request<'_>) -> Self {
        if let Some(chosen) = cookies::read(request, COOKIE) {
            return Self::from_code(chosen).unwrap_or(Self::English);
        }
        let wanted = request.header(&ACCEPT_LANGUAGE).unwrap_or_default();
        let codes = wanted.split(',').map(|range| range.split([';', '-']).next().unwrap_or_default().trim());
        codes.filter_map(Self::from_code).next().unwrap_or(Self::English)
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        match code {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// For the `lang` of the page.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// The header that remembers the choice.
    pub(crate) fn cookie(self, tls: bool) -> String {
        let secure = if tls { "; Secure" } else { "" };
        format!(
            "{COOKIE}={}; Path={}; Max-Age=31536000; SameSite=Strict; HttpOnly{secure}",
            &self.tag()[..2],
            crate::PREFIX
        )
    }

    pub(crate) fn say(self, text: Text) -> &'static str {
        match self {
            Self::English => text.english,
            Self::Chinese => text.chinese,
        }
    }
}

/// A text without a name, for the tables that have their own.
pub(crate) const fn text(english: &'static str, chinese: &'static str) -> Text {
    Text { english, chinese }
}

const COOKIE: &str = "bulla-language";

macro_rules! texts {
    ($($name:ident: $english:literal, $chinese:literal;)*) => {
        $(pub(crate) const $name: Text = text($english, $chinese);)*
        #[cfg(test)]
        const ALL: &[(&str, Text)] = &[$((stringify!($name), $name),)*];
    };
}

texts! {
    CONSOLE: "bulla console", "bulla 控制台";
    SKIP: "Skip to the content", "跳到正文";
    OVERVIEW: "Overview", "概览";
    KEYS: "Keys", "密钥";
    ALIASES: "Aliases", "别名";
    SECRETS: "Secrets", "凭据";
    USERS: "Users", "用户";
    GROUPS: "Groups", "用户组";
    ROLES: "Roles", "角色";
    POLICIES: "Policies", "权限策略";
    ACCESS_KEYS: "Access keys", "访问密钥";
    TRY_IT: "Try it", "试一试";
    FILES: "Files", "文件";
    SIGN_IN: "Sign in", "登录";
    SIGN_OUT: "Sign out", "退出登录";
    OTHER_LANGUAGE: "中文", "English";
    OWNER: "owner of this store", "本机存储的所有者";
    NAVIGATION: "Pages", "页面";
    REQUEST_ID: "Request id", "请求 ID";
    BACK: "Back", "返回";
    CANCEL: "Cancel", "取消";
    DONE: "Done:", "已完成：";
    NOT_ALLOWED: "not allowed", "无权限";
    NOTHING_HERE: "There is no such page.", "没有这个页面。";
    NOT_OF_THIS_SERVER: "This address is not a name of this server.", "该地址不是本服务器的名称。";
    FORM_IS_OLD: "This form is of another session, or of another page. Open it once more and send it again.", "此表单属于其他会话或其他页面，请重新打开后再提交。";
    METHOD: "The console takes GET and POST.", "控制台只接受 GET 和 POST。";
    PROBLEM: "That did not work", "操作没有成功";
    REPLY: "Reply", "返回结果";
    SAME_BY_COMMAND: "The same by command", "等效的命令";
    CHOOSE: "Choose", "请选择";
    OPTIONAL: "optional", "选填";
    NAME: "Name", "名称";
    VALUE: "Value", "值";
    TYPE_TO_CONFIRM: "Type it once more to confirm", "再输入一次以确认";
    ACTIONS: "Actions", "操作";
    STATE: "State", "状态";
    CREATED: "Created", "创建时间";
    DESCRIPTION: "Description", "描述";
    NO_KEYS: "There are no keys yet. Create the first one: it wraps the data keys of your files and applications.", "还没有密钥。请创建第一个密钥，用来保护文件和应用的数据密钥。";
    NO_ALIASES: "There are no aliases. An alias is a name for a key that can be moved to another key.", "还没有别名。别名是密钥的名字，可以改为指向另一个密钥。";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_in_both_languages() {
        for (name, text) in ALL {
            assert!(!text.english.is_empty(), "{name}");
            let is_han = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
            assert!(*name == "OTHER_LANGUAGE" || text.chinese.chars().any(is_han), "{name}");
            assert!(*name == "OTHER_LANGUAGE" || !text.english.chars().any(is_han), "{name}");
        }
    }
}
