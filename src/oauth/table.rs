//! The providers one can sign in at. Facts only: client ids are public constants, client secrets are settings.

use std::time::Duration;

use super::{CodeFlow, DeviceFlow, Need, Provider, Wire};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

const GOOGLE: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const GOOGLE_TOKEN: &str = "https://oauth2.googleapis.com/token";
/// Without these Google gives no refresh token to a client that was once approved.
const OFFLINE: &[(&str, &str)] = &[("access_type", "offline"), ("prompt", "consent")];

const ROW: Provider = Provider {
    name: "",
    account: "",
    method: None,
    title: "",
    note: "",
    prefix: "",
    client: "",
    needs_secret: false,
    wire: Wire::Form,
    token: "",
    refresh: None,
    scopes: "",
    code: None,
    device: None,
    // A wake comes every five minutes; a token that has as much left is renewed by the one before.
    lead: Duration::from_secs(5 * MINUTE),
    rotates: true,
    needs: &[],
};

const CODE: CodeFlow =
    CodeFlow { authorize: "", redirect: "", redirect_name: "redirect_uri", pkce: true, shows_code: false, extra: &[] };

pub static PROVIDERS: &[Provider] = &[
    Provider {
        name: "gemini-cli",
        account: "gemini-cli",
        title: "Gemini Code Assist (Google account)",
        note: "Needs GEMINI_CLI_CLIENT_SECRET: OAUTH_CLIENT_SECRET in packages/core/src/code_assist/oauth2.ts of \
               google-gemini/gemini-cli, where Google explains why it is not a secret.",
        prefix: "GEMINI_CLI",
        client: "681255809395-oo8ft2oprdrnp9e3aqf6av3hmdib135j.apps.googleusercontent.com",
        needs_secret: true,
        token: GOOGLE_TOKEN,
        scopes: "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email \
                 https://www.googleapis.com/auth/userinfo.profile",
        code: Some(CodeFlow {
            authorize: GOOGLE,
            redirect: "https://codeassist.google.com/authcode",
            shows_code: true,
            extra: OFFLINE,
            ..CODE
        }),
        rotates: false,
        needs: &[Need::Email, Need::Project],
        ..ROW
    },
    Provider {
        name: "antigravity",
        account: "antigravity",
        title: "Antigravity (Google account)",
        note: "Needs ANTIGRAVITY_CLIENT_SECRET, which is in the Antigravity application.",
        prefix: "ANTIGRAVITY",
        client: "1071006060591-tmhssin2h21lcre235vtolojh4g403ep.apps.googleusercontent.com",
        needs_secret: true,
        token: GOOGLE_TOKEN,
        scopes: "https://www.googleapis.com/auth/cloud-platform https://www.googleapis.com/auth/userinfo.email \
                 https://www.googleapis.com/auth/userinfo.profile https://www.googleapis.com/auth/cclog \
                 https://www.googleapis.com/auth/experimentsandconfigs",
        code: Some(CodeFlow {
            authorize: GOOGLE,
            redirect: "http://localhost:51121/oauth-callback",
            extra: OFFLINE,
            ..CODE
        }),
        rotates: false,
        needs: &[Need::Email, Need::Project],
        ..ROW
    },
    Provider {
        name: "codex",
        account: "codex",
        title: "ChatGPT (Codex)",
        note: "Device sign-in must be allowed in the security settings of ChatGPT; pasting the address works without.",
        prefix: "CODEX",
        client: "app_EMoamEEZ73f0CkXaXp7hrann",
        token: "https://auth.openai.com/oauth/token",
        scopes: "openid profile email offline_access",
        code: Some(CodeFlow {
            authorize: "https://auth.openai.com/oauth/authorize",
            redirect: "http://localhost:1455/auth/callback",
            extra: &[
                ("prompt", "login"),
                ("id_token_add_organizations", "true"),
                ("codex_cli_simplified_flow", "true"),
            ],
            ..CODE
        }),
        device: Some(DeviceFlow::Codex {
            start: "https://auth.openai.com/api/accounts/deviceauth/usercode",
            poll: "https://auth.openai.com/api/accounts/deviceauth/token",
            verify: "https://auth.openai.com/codex/device",
            redirect: "https://auth.openai.com/deviceauth/callback",
        }),
        // Its tokens live ten days.
        lead: Duration::from_secs(5 * 24 * HOUR),
        ..ROW
    },
    Provider {
        name: "claude",
        account: "claude",
        title: "Claude (Pro, Max, Team)",
        note: "Anthropic decides which clients a subscription may be used with; read its terms first.",
        prefix: "CLAUDE",
        client: "9d1c250a-e61b-44d9-88ed-5944d1962f5e",
        wire: Wire::Json,
        token: "https://platform.claude.com/v1/oauth/token",
        scopes: "user:profile user:inference",
        code: Some(CodeFlow {
            authorize: "https://claude.ai/oauth/authorize",
            redirect: "https://platform.claude.com/oauth/code/callback",
            extra: &[("code", "true")],
            ..CODE
        }),
        // Its tokens live eight hours.
        lead: Duration::from_secs(4 * HOUR),
        needs: &[Need::Profile],
        ..ROW
    },
    Provider {
        name: "qwen-code",
        account: "qwen-code",
        title: "Qwen",
        note: "",
        prefix: "QWEN_CODE",
        client: "f0304373b74a44d2b584a3fb70ca9e56",
        token: "https://chat.qwen.ai/api/v1/oauth2/token",
        scopes: "openid profile email model.completion",
        device: Some(DeviceFlow::Standard { start: "https://chat.qwen.ai/api/v1/oauth2/device/code", pkce: true }),
        lead: Duration::from_secs(20 * MINUTE),
        ..ROW
    },
    Provider {
        name: "kiro",
        account: "kiro",
        method: Some("social"),
        title: "Kiro (Google or GitHub)",
        note: "The browser cannot open the last address, which begins with kiro://; copy it from the error it shows.",
        prefix: "KIRO",
        wire: Wire::Kiro,
        token: "https://prod.{region}.auth.desktop.kiro.dev/oauth/token",
        refresh: Some("https://prod.{region}.auth.desktop.kiro.dev/refreshToken"),
        code: Some(CodeFlow {
            authorize: "https://prod.{region}.auth.desktop.kiro.dev/login",
            redirect: "kiro://kiro.kiroAgent/authenticate-success",
            extra: &[("prompt", "select_account")],
            ..CODE
        }),
        ..ROW
    },
    Provider {
        name: "kiro-builder-id",
        account: "kiro",
        method: Some("builder-id"),
        title: "Kiro (AWS Builder ID or IAM Identity Center)",
        note: "",
        prefix: "KIRO",
        wire: Wire::Oidc,
        token: "https://oidc.{region}.amazonaws.com/token",
        scopes: "codewhisperer:completions codewhisperer:analysis codewhisperer:conversations",
        device: Some(DeviceFlow::Oidc {
            register: "https://oidc.{region}.amazonaws.com/client/register",
            start: "https://oidc.{region}.amazonaws.com/device_authorization",
            portal: "https://view.awsapps.com/start",
        }),
        ..ROW
    },
    Provider {
        name: "iflow",
        account: "iflow",
        title: "iFlow",
        note: "Needs IFLOW_CLIENT_SECRET, which is in the iFlow CLI.",
        prefix: "IFLOW",
        client: "10009311001",
        needs_secret: true,
        wire: Wire::FormBasic,
        token: "https://iflow.cn/oauth/token",
        code: Some(CodeFlow {
            authorize: "https://iflow.cn/oauth",
            redirect: "http://localhost:11451/oauth2callback",
            redirect_name: "redirect",
            pkce: false,
            extra: &[("loginMethod", "phone"), ("type", "phone")],
            ..CODE
        }),
        lead: Duration::from_secs(24 * HOUR),
        needs: &[Need::ApiKey],
        ..ROW
    },
    Provider {
        name: "kimi",
        account: "kimi",
        title: "Kimi for Coding",
        note: "",
        prefix: "KIMI_CODE",
        client: "17e5f671-d194-4dfb-9706-5516cb48c098",
        token: "https://auth.kimi.com/api/oauth/token",
        device: Some(DeviceFlow::Standard {
            start: "https://auth.kimi.com/api/oauth/device_authorization",
            pkce: false,
        }),
        ..ROW
    },
    Provider {
        name: "xai",
        account: "xai",
        title: "Grok (xAI account)",
        note: "",
        prefix: "XAI",
        client: "b1a00492-073a-47ea-816f-4c329264a828",
        token: "https://auth.x.ai/oauth2/token",
        scopes: "openid profile email offline_access grok-cli:access api:access",
        device: Some(DeviceFlow::Standard { start: "https://auth.x.ai/oauth2/device/code", pkce: false }),
        ..ROW
    },
    Provider {
        name: "vertex",
        account: "vertex",
        title: "Vertex AI (service account)",
        note: "Import the JSON key file of a service account.",
        prefix: "VERTEX",
        wire: Wire::Assertion,
        token: GOOGLE_TOKEN,
        scopes: "https://www.googleapis.com/auth/cloud-platform",
        rotates: false,
        ..ROW
    },
];
