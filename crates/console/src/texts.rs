//! The texts of the pages in English and Chinese.

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
    /// Returns the language that the reader chose, else the first supported one that the browser accepts.
    pub(crate) fn of(request: &Request<'_>) -> Self {
        if let Some(chosen) = cookies::read(request, COOKIE) {
            return Self::from_code(chosen).unwrap_or(Self::English);
        }
        let accepted = request.header(&ACCEPT_LANGUAGE).unwrap_or_default();
        let codes =
            accepted.split(',').map(|range| range.split([';', '-']).next().unwrap_or_default().trim());
        codes.filter_map(Self::from_code).next().unwrap_or(Self::English)
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        match code {
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            _ => None,
        }
    }

    /// Returns the value of the `lang` attribute.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// Returns the `Set-Cookie` header that stores the choice.
    pub(crate) fn cookie(self, tls: bool) -> String {
        let secure = if tls { "; Secure" } else { "" };
        format!(
            "{COOKIE}={}; Path={}; Max-Age=31536000; SameSite=Strict; HttpOnly{secure}",
            &self.tag()[..2],
            crate::PREFIX
        )
    }

    /// Returns a text in this language.
    pub(crate) fn text(self, text: Text) -> &'static str {
        match self {
            Self::English => text.english,
            Self::Chinese => text.chinese,
        }
    }
}

/// Returns a text without a name in this table.
pub(crate) const fn text(english: &'static str, chinese: &'static str) -> Text {
    Text { english, chinese }
}

/// Punctuation between parts of a sentence, with the blanks around it: Chinese has full-width characters without blanks.
pub(crate) const COLON: Text = text(": ", "：");
pub(crate) const COMMA: Text = text(", ", "，");
pub(crate) const SEMICOLON: Text = text("; ", "；");
pub(crate) const OPEN: Text = text(" (", "（");
pub(crate) const CLOSE: Text = text(")", "）");

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
    BACKUPS: "Backups", "备份";
    KEYS: "Keys", "密钥";
    ALIASES: "Aliases", "别名";
    SECRETS: "Secrets", "凭据";
    USERS: "Users", "用户";
    GROUPS: "Groups", "用户组";
    ROLES: "Roles", "角色";
    POLICIES: "Policies", "权限策略";
    POLICY: "Policy", "权限策略";
    CHECK_ACCESS: "Check access", "检查权限";
    ACCESS_KEYS: "Access keys", "访问密钥";
    ACCOUNT: "Account", "账号";
    TRY_IT: "Try it", "试一试";
    FILES: "Files", "文件";
    AUDIT_TRAIL: "Audit trail", "审计日志";
    LIMITS: "Limits", "限制与配额";
    SIGN_IN: "Sign in", "登录";
    BY_USER: "Sign in as a user", "以用户身份登录";
    BY_ACCESS_KEY: "Sign in by access key", "使用访问密钥登录";
    USER_NAME: "User name", "用户名";
    PASSWORD: "Password", "密码";
    ACCESS_KEY_ID: "Access key id", "访问密钥 ID（AccessKey ID）";
    ACCESS_KEY_SECRET: "Access key secret", "访问密钥 Secret（AccessKey Secret）";
    CHOOSE_PASSWORD: "Choose a password", "设置新密码";
    OLD_PASSWORD: "Current password", "当前密码";
    NEW_PASSWORD: "New password", "新密码";
    NEW_PASSWORD_AGAIN: "New password again", "再次输入新密码";
    PASSWORD_RULE: "8 to 128 characters of at least three kinds: lower case, upper case, digits, others. Without your name.", "8 至 128 个字符，至少包含小写字母、大写字母、数字、其他字符中的三种，且不含用户名。";
    PASSWORD_DUE: "You must choose a password of your own before you continue.", "继续之前，请先设置你自己的密码。";
    PASSWORDS_DIFFER: "The two new passwords are not the same.", "两次输入的新密码不一致。";
    PASSWORD_SAME: "The new password is the old one.", "新密码不能与当前密码相同。";
    PASSWORD_UNFIT: "The new password does not meet the rules.", "新密码不符合要求。";
    PASSWORD_WRONG: "The current password is wrong.", "当前密码不正确。";
    SIGN_IN_WRONG: "That did not match. Check the name and the password or secret, and that the user or access key is active.", "登录信息不匹配。请检查名称和密码，并确认用户或访问密钥处于启用状态。";
    SIGN_IN_BUSY: "Too many sign-ins are being checked. Wait a few seconds and try again.", "当前登录请求过多，请稍候几秒再试。";
    SIGN_IN_NO_SECRETS: "This server does not accept access key secrets: sign in as a user with a password.", "本服务器不接受 AccessKey Secret，请以用户名和密码登录。";
    SECOND_STEP: "Second step of the sign-in", "登录第二步验证";
    CODE: "Code of your authenticator app", "身份验证器中的验证码";
    CODE_WRONG: "The code is wrong or was used already. Each code works once: wait for the next one.", "验证码不正确或已被使用。每个验证码只能使用一次，请等待下一个验证码。";
    CODES_TOO_MANY: "Too many wrong codes. Wait half a minute and try again.", "错误的验证码过多，请半分钟后再试。";
    CODE_TOO_LATE: "That took too long, or the password or device has changed. Sign in again.", "操作超时，或密码、设备已更改，请重新登录。";
    MFA_DEVICE: "MFA device", "MFA 设备";
    MFA_DEVICE_DUE: "Your administrator requires a second factor. Set up an MFA device before you continue.", "管理员要求启用多因素认证。继续之前，请先设置 MFA 设备。";
    MFA_DEVICE_ABOUT: "An authenticator app on your phone shows a code of six digits, which changes every 30 seconds. With a device, the sign-in requires a code after the password.", "手机上的身份验证器每 30 秒显示一个新的六位验证码。设置设备后，登录时除密码外还需输入验证码。";
    MFA_DEVICE_NEW: "Set up a device", "设置设备";
    MFA_DEVICE_SCAN: "Scan the picture with the app, or type the key into it. Both are shown only once; keep no copy. Then enter two consecutive codes.", "请用身份验证器扫描二维码，或手动输入密钥。二者仅显示这一次，请勿留存副本。然后依次输入两个连续的验证码。";
    MFA_DEVICE_QR: "QR code of the key", "密钥的二维码";
    MFA_DEVICE_SEED: "Key", "密钥";
    CODE_FIRST: "First code", "第一个验证码";
    CODE_SECOND: "Next code", "下一个验证码";
    MFA_DEVICE_BIND: "Bind the device", "绑定设备";
    MFA_DEVICE_BOUND: "The sign-in requires a code of your device.", "登录时需要输入设备的验证码。";
    MFA_DEVICE_REMOVE: "Remove the device", "移除设备";
    MFA_DEVICE_LIMIT: "The account has reached its limit of MFA devices. An administrator can delete unused ones.", "账号的 MFA 设备数量已达上限，请联系管理员删除不用的设备。";
    SIGN_IN_FAILED: "The server could not check the sign-in. Its log says why.", "服务器无法验证登录，原因见服务器日志。";
    OPEN_CONSOLE: "Open the console", "打开控制台";
    USE_THE_LINK: "Open the link that `bulla console` has printed. Each link works once, within a minute.", "请打开 bulla console 命令打印的链接。每个链接一分钟内有效，只能使用一次。";
    LINK_USED_AGAIN: "This link was used before, so all sessions have ended. Run `bulla console` again.", "此链接已被使用过，所有会话均已结束。请重新运行 bulla console。";
    SIGN_OUT: "Sign out", "退出登录";
    OTHER_LANGUAGE: "中文", "English";
    OWNER: "owner of this store", "此密钥库的所有者";
    NAVIGATION: "Pages", "页面";
    REQUEST_ID: "Request id", "请求 ID";
    BACK: "Back", "返回";
    CANCEL: "Cancel", "取消";
    DONE: "Done: ", "已完成：";
    NOT_ALLOWED: "not allowed", "无权限";
    NOTHING_HERE: "There is no such page.", "没有这个页面。";
    NOT_OF_THIS_SERVER: "This address is not a name of this server.", "该地址不是本服务器的名称。";
    USE_A_NAME: "Open the console by a name of the server's certificate, or by its IP address. An administrator adds names by `--tls-name`.", "请使用服务器证书中的名称或其 IP 地址打开控制台。管理员可以用 --tls-name 添加名称。";
    MALFORMED: "The request is not valid HTTP, or it names no host or two.", "请求不是有效的 HTTP 请求，或者没有恰好指明一个主机。";
    LONG_HEAD: "The address, the cookies or the other headers of the request are too long. Shorten the address, or delete the cookies of this host.", "请求的地址、Cookie 或其他标头过长。请缩短地址，或删除此主机的 Cookie。";
    LONG_FORM: "The form is too large. Go back, shorten its fields and send it again.", "表单过大。请返回，缩短填写的内容后再提交。";
    OTHER_USER: "The console belongs to another user of this machine. Run `bulla console` to open your own.", "此控制台属于本机的另一位用户。请运行 bulla console 打开您自己的控制台。";
    STORE_OF_SERVER: "The store is in use: a server (`bulla serve`) has it open. Stop the server, or open /console/ of it.", "密钥库正由一台服务器（bulla serve）使用：请停止该服务器，或打开它的 /console/。";
    STORE_OF_COMMAND: "The store is in use by another command. Load the page again when the command is done.", "密钥库正由另一条命令使用，请等它结束后重新加载页面。";
    STORE_UNOPENED: "The store could not be opened.", "无法打开密钥库。";
    FORM_IS_OLD: "This form belongs to another session or page. Open it again and resend it.", "此表单属于其他会话或其他页面，请重新打开后再提交。";
    METHOD: "The console accepts GET and POST.", "控制台只接受 GET 和 POST。";
    PROBLEM: "That did not work", "操作没有成功";
    REPLY: "Reply", "返回结果";
    SAME_BY_COMMAND: "Equivalent commands", "等效的命令";
    DEFAULT: "Default", "默认";
    OPTIONAL: "optional", "选填";
    NAME: "Name", "名称";
    VALUE: "Value", "值";
    TYPE_TO_CONFIRM: "Type it again to confirm", "再输入一次以确认";
    ACTIONS: "Actions", "操作";
    STATE: "State", "状态";
    RECOVERY: "Recovery sheet", "恢复说明";
    CREATED_ON: "Printed", "打印时间";
    ALIAS: "Alias", "别名";
    TYPE: "Type", "类型";
    VERSION: "Version", "版本";
    SECRET: "Secret", "凭据";
    TAGS: "Tags", "标签";
    COMMENTS: "Comments", "备注";
    SEARCH: "Search", "搜索";
    CLEAR: "Clear the search", "清除搜索条件";
    MORE: "Next page", "下一页";
    FIRST_PAGE: "First page", "第一页";
    NONE: "none", "无";
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
