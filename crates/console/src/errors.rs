//! Messages of API errors: the English of the API, and the table of Chinese sentences by error code.

use bulla_wire::{Error, ErrorCode};
use maud::{Markup, html};

use crate::layout::foreign;
use crate::texts::Language;

/// Returns the message of an error in the language of the page. Details that exist only in English follow in English.
pub(crate) fn sentence(language: Language, error: &Error) -> Markup {
    let english = || foreign(&error.message());
    match language {
        Language::English => english(),
        Language::Chinese => match chinese(error.code()) {
            Some(chinese) => filled(chinese, error),
            None => html! { span lang="en" { (english()) } },
        },
    }
}

fn filled(chinese: &str, error: &Error) -> Markup {
    match chinese.split_once("{}") {
        Some((before, after)) => html! { (before) (argument(error)) (after) },
        None => {
            html! { (chinese) @if has_details(error) { span lang="en" { (foreign(&error.message())) } } }
        }
    }
}

/// Returns the argument of an error: a name of the API, or the state of a key in Chinese.
fn argument(error: &Error) -> Markup {
    let state = match error.argument() {
        "Enabled" => Some("启用"),
        "Disabled" => Some("禁用"),
        "PendingDeletion" => Some("待删除"),
        "PendingImport" => Some("待导入"),
        _ => None,
    };
    match state {
        Some(words) => html! { (words) },
        None => foreign(error.argument()),
    }
}

/// Whether the message differs from the general one of its code.
fn has_details(error: &Error) -> bool {
    error.message() != Error::new(error.code()).message()
}

macro_rules! chinese {
    ($($code:ident $sentence:literal;)*) => {
        /// Returns the Chinese sentence for a code. `{}` is replaced by the argument.
        fn chinese(code: ErrorCode) -> Option<&'static str> {
            match code {
                $(ErrorCode::$code => Some($sentence),)*
                _ => None, // no form or page gets these, see the test
            }
        }
    };
}

chinese! {
    Missing "缺少必填参数“{}”。";
    ParseRequestParameterException "无法解析请求参数，请检查填写的内容。";
    ThrottlingUser "请求过于频繁，请稍后重试。";
    ForbiddenAccessKey "此访问密钥（AccessKey）未启用。";
    ForbiddenNoPermission "没有权限执行此操作。";
    InvalidParameter "参数“{}”无效。";
    InvalidPolicy "参数“Policy”无效，策略有误：";
    ForbiddenKeyNotFound "密钥不存在。";
    ForbiddenKeyVersionNotFound "密钥版本不存在。";
    ForbiddenAliasNotFound "别名不存在。";
    ForbiddenResourceNotFound "资源不存在。";
    CertificateNotFound "证书不存在。";
    ForbiddenInstanceNotFound "KMS 实例不存在。";
    AliasAlreadyExists "此别名已被使用。";
    UnsupportedAlias "此操作不接受别名，请使用密钥 ID。";
    UnsupportedOrigin "此操作不适用于该来源的密钥材料。";
    UnsupportedProtectionLevel "不支持此保护级别。";
    UnsupportedOperation "不支持此操作。";
    RejectedUnsupportedOperation "此密钥或参数不支持该操作。";
    RejectedLimitExceeded "数量已达上限。";
    InvalidKeyMaterial "密钥材料无效。";
    InvalidImportToken "导入令牌无效。";
    ExpiredImportToken "导入令牌已过期，请重新获取导入参数。";
    StateModifiedFailed "密钥的当前状态不允许此操作。";
    RejectedDeletionProtected "密钥已开启删除保护，不能删除。";
    RejectedState "密钥处于{}状态，不能执行此操作。";
    RejectedResourceExist "资源已存在。";
    RejectedResourceInDeleteWindow "凭据已计划删除，不能执行此操作。";
    RejectedResourceInUse "凭据处于正常状态，无需恢复。";
    MissingParameter "缺少必填参数“{}”。";
    ParameterIncorrect "参数“{}”不正确。";
    ParameterInvalidChars "参数“{}”含有不允许的字符。";
    ParameterLength "参数“{}”超出长度限制。";
    ParameterFormat "参数“{}”的格式不正确。";
    ParameterWronglyFormed "参数“{}”的格式不正确。";
    PasswordTooWeak "密码不符合密码规则。";
    MalformedPolicyDocument "策略文档有误：";
    NoPermission "没有权限执行此操作。";
    AuthenticationCodeFormat "验证码必须是 6 位数字。";
    CheckAuthenticationCodeFail "验证码不正确或已被使用。";
    EntityNotExistUser "用户不存在。";
    EntityNotExistUserAccessKey "用户的访问密钥不存在。";
    EntityNotExistUserLoginProfile "用户没有登录配置，尚未设置登录密码。";
    EntityNotExistUserMfaDevice "用户没有绑定 MFA 设备。";
    EntityNotExistVirtualMfaDevice "MFA 设备不存在。";
    EntityNotExistUserGroup "用户不在该用户组中。";
    EntityNotExistUserPolicy "用户没有被授予此策略。";
    EntityNotExistGroup "用户组不存在。";
    EntityNotExistGroupPolicy "用户组没有被授予此策略。";
    EntityNotExistRole "角色不存在。";
    EntityNotExistRolePolicy "角色没有被授予此策略。";
    EntityNotExistPolicy "权限策略不存在。";
    EntityNotExistPolicyVersion "权限策略的版本不存在。";
    EntityAlreadyExistsUser "同名用户已存在。";
    EntityAlreadyExistsUserLoginProfile "用户已有登录配置。";
    EntityAlreadyExistsUserMfaDevice "用户已绑定 MFA 设备。";
    EntityAlreadyExistsVirtualMfaDevice "同名 MFA 设备已存在。";
    EntityAlreadyExistsVirtualMfaDeviceUser "此 MFA 设备已绑定到用户。";
    EntityAlreadyExistsUserGroup "用户已在该用户组中。";
    EntityAlreadyExistsUserPolicy "用户已被授予此策略。";
    EntityAlreadyExistsGroup "同名用户组已存在。";
    EntityAlreadyExistsGroupPolicy "用户组已被授予此策略。";
    EntityAlreadyExistsRole "同名角色已存在。";
    EntityAlreadyExistsRolePolicy "角色已被授予此策略。";
    EntityAlreadyExistsPolicy "同名权限策略已存在。";
    EntityAlreadyExistsAccountAlias "此账号别名已被使用。";
    DeleteConflictUserGroup "用户仍在用户组中，请先将其移出用户组，再删除用户。";
    DeleteConflictUserAccessKey "用户仍有访问密钥，请先删除访问密钥，再删除用户。";
    DeleteConflictUserLoginProfile "用户仍有登录配置，请先删除登录配置，再删除用户。";
    DeleteConflictUserMfaDevice "用户仍绑定了 MFA 设备，请先解绑，再删除用户。";
    DeleteConflictVirtualMfaDeviceUser "MFA 设备仍绑定到用户，请先解绑，再删除设备。";
    DeleteConflictUserPolicy "用户仍有权限策略，请先移除策略，再删除用户。";
    DeleteConflictRootAccessKey "主账号的最后一个已启用的访问密钥不能删除；如果 24 小时内没有其他管理员签名过请求，也不能禁用。";
    DeleteConflictGroupUser "用户组中仍有用户，请先移出用户，再删除用户组。";
    DeleteConflictGroupPolicy "用户组仍有权限策略，请先移除策略，再删除用户组。";
    DeleteConflictRolePolicy "角色仍有权限策略，请先移除策略，再删除角色。";
    DeleteConflictPolicyUser "权限策略仍授权给用户，请先解除授权，再删除策略。";
    DeleteConflictPolicyGroup "权限策略仍授权给用户组，请先解除授权，再删除策略。";
    DeleteConflictPolicyRole "权限策略仍授权给角色，请先解除授权，再删除策略。";
    DeleteConflictPolicyVersion "权限策略还有默认版本之外的版本，请先删除其他版本，再删除策略。";
    DeleteConflictPolicyVersionDefault "默认版本不能直接删除，请先将其他版本设为默认版本。";
    LimitExceededUser "用户数量已达上限。";
    LimitExceededVirtualMfaDevice "MFA 设备数量已达上限。";
    LimitExceededUserAccessKey "该用户的访问密钥数量已达上限。";
    LimitExceededUserGroup "该用户加入的用户组数量已达上限。";
    LimitExceededUserPolicy "该用户的权限策略数量已达上限。";
    LimitExceededGroup "用户组数量已达上限。";
    LimitExceededGroupPolicy "该用户组的权限策略数量已达上限。";
    LimitExceededRole "角色数量已达上限。";
    LimitExceededRolePolicy "该角色的权限策略数量已达上限。";
    LimitExceededPolicy "权限策略数量已达上限。";
    LimitExceededPolicyVersion "该策略的版本数量已达上限，请先删除旧版本。";
    ThrottlingUserFlow "请求过于频繁，请稍后重试。";
    InternalFailure "服务器内部错误，原因见服务器日志。";
    InternalErrorOfRam "服务器内部错误，原因见服务器日志。";
    ServiceUnavailableTemporary "服务暂时不可用，请稍后重试。";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes that no form gets: those before an action is called, those of the STS, and those of DryRun.
    const ELSEWHERE: &[ErrorCode] = &[
        ErrorCode::UnsupportedHttpMethod,
        ErrorCode::InvalidActionNotFound,
        ErrorCode::InvalidVersion,
        ErrorCode::RequestTooLarge,
        ErrorCode::RequestLineTooLong,
        ErrorCode::HeadersTooLarge,
        ErrorCode::IncompleteSignature,
        ErrorCode::SignatureDoesNotMatch,
        ErrorCode::InvalidAccessKeyIdNotFound,
        ErrorCode::SecurityTokenMismatch,
        ErrorCode::SecurityTokenMalformed,
        ErrorCode::SecurityTokenExpired,
        ErrorCode::InvalidTimeStampExpired,
        ErrorCode::IllegalTimestamp,
        ErrorCode::SignatureNonceUsed,
        ErrorCode::ForbiddenOpened,
        ErrorCode::DurationOutOfRange,
        ErrorCode::PolicyGrammar,
        ErrorCode::PolicySize,
        ErrorCode::RootAssumesNoRole,
        ErrorCode::AssumeRoleNoPermission,
        ErrorCode::OidcTokenInvalid,
        ErrorCode::OidcTokenKeyMismatch,
        ErrorCode::OidcTokenExpired,
        ErrorCode::DryRunOperation,
        ErrorCode::DryRunValidation,
        ErrorCode::InternalErrorOfSts,
    ];

    fn shown(error: &Error) -> String {
        sentence(Language::Chinese, error).into_string()
    }

    #[test]
    fn every_code_that_a_form_can_meet_has_a_chinese_sentence() {
        for code in ErrorCode::ALL {
            let sentence = chinese(*code);
            assert_eq!(sentence.is_none(), ELSEWHERE.contains(code), "{code:?}");
            let is_han = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
            assert!(sentence.is_none_or(|sentence| sentence.contains(is_han)), "{code:?}");
            // An argument in the English message is also in the Chinese one, or follows it.
            let filled = Error::with(*code, "the-argument");
            let has_argument = |text: &str| text.contains("the-argument");
            assert_eq!(has_argument(&shown(&filled)), has_argument(&filled.message()), "{code:?}");
        }
    }

    #[test]
    fn an_error_names_its_parameter_or_state_and_keeps_english_details_as_english() {
        assert_eq!(shown(&Error::invalid("Key<Id>")), "参数“<bdi>Key&lt;Id&gt;</bdi>”无效。");
        let state = Error::with(ErrorCode::RejectedState, "PendingDeletion");
        assert_eq!(shown(&state), "密钥处于待删除状态，不能执行此操作。");
        let policy = Error::with(ErrorCode::MalformedPolicyDocument, "line 1, column 2: expected a list");
        assert_eq!(
            shown(&policy),
            "策略文档有误：<span lang=\"en\"><bdi>line 1, column 2: expected a list</bdi></span>"
        );
        assert_eq!(shown(&Error::with(ErrorCode::EntityNotExistPolicy, "p")), "权限策略不存在。");
        let english = sentence(Language::English, &policy).into_string();
        assert_eq!(english, "<bdi>line 1, column 2: expected a list</bdi>");
    }
}
