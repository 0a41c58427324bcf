//! When a provider says to come back. Bodies and headers are as providers document or users reported them; there are no
//! accounts here to be limited.

use std::time::Duration;

use serde_json::{Value, json};

use crate::fault::{Millis, Scope};
use crate::upstream::Refusal;
use crate::upstream::limits::{LONGEST, Limit, limit, time};

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// 2026-08-22T10:11:12Z, a summer Saturday.
const NOW: Millis = Millis(1_787_393_472_000);

fn of(headers: &[(&str, &str)], body: &Value) -> Limit {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    limit(Refusal { status: 429, headers: &headers, body: b"" }, body, NOW)
}

fn millis(ms: u64) -> Option<Duration> {
    Some(Duration::from_millis(ms))
}

#[test]
fn every_header_form_is_understood() {
    let cases: &[(Pairs<'_>, Option<Duration>)] = &[
        (&[("retry-after", "7")], millis(7_000)),
        (&[("retry-after", " 1.5 ")], millis(1_500)),
        (&[("retry-after", "Sat, 22 Aug 2026 10:12:12 GMT")], millis(60_000)),
        (&[("retry-after", "Saturday, 22-Aug-26 10:12:12 GMT")], millis(60_000)),
        (&[("retry-after", "Sat Aug 22 10:12:12 2026")], millis(60_000)),
        (&[("retry-after", "Sat, 22 Aug 2026 10:00:00 GMT")], None),
        (&[("retry-after", "2m30s")], millis(150_000)),
        (&[("retry-after", "0")], None),
        (&[("retry-after", "-5")], None),
        (&[("retry-after", "NaN")], None),
        (&[("retry-after", "inf")], None),
        (&[("retry-after", "soon")], None),
        (&[("retry-after", "99999999")], Some(LONGEST)),
        (&[("retry-after", "1"), ("retry-after-ms", "250")], millis(250)),
        (&[("x-ratelimit-reset-requests", "1m30.5s")], millis(90_500)),
        (&[("x-ratelimit-reset-tokens", "6ms")], millis(6)),
        (&[("x-ratelimit-reset", "1787393482")], millis(10_000)),
        (&[("x-ratelimit-reset", "1787393482000")], millis(10_000)),
        (&[("x-ratelimit-reset", "1787393462")], None),
        (&[("x-ratelimit-reset", "42")], millis(42_000)),
        (&[("ratelimit-reset", "30")], millis(30_000)),
        (&[("anthropic-ratelimit-requests-reset", "2026-08-22T10:11:42Z")], millis(30_000)),
        (&[("anthropic-ratelimit-requests-reset", "2026-08-22T12:11:42+02:00")], millis(30_000)),
        (&[("anthropic-ratelimit-requests-reset", "2026-08-22T10:11:12.250Z")], millis(250)),
        (&[("x-request-id", "12345")], None),
    ];
    for (headers, expected) in cases {
        assert_eq!(of(headers, &Value::Null), Limit { wait: *expected, scope: None }, "{headers:?}");
    }
}

#[test]
fn among_several_resets_the_allowance_that_is_used_up_decides() {
    let cases: &[(Pairs<'_>, u64)] = &[
        // Nobody is said to be used up: ask again at the earliest.
        (&[("x-ratelimit-reset-requests", "24h"), ("x-ratelimit-reset-tokens", "2s")], 2_000),
        (
            &[
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "8.64s"),
                ("x-ratelimit-remaining-tokens", "149000"),
                ("x-ratelimit-reset-tokens", "6ms"),
            ],
            8_640,
        ),
        (
            &[
                ("x-ratelimit-remaining-requests-day", "0"),
                ("x-ratelimit-reset-requests-day", "3600.5"),
                ("x-ratelimit-remaining-tokens-minute", "0"),
                ("x-ratelimit-reset-tokens-minute", "12.5"),
            ],
            3_600_500,
        ),
        (
            &[
                ("anthropic-ratelimit-input-tokens-remaining", "0"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-08-22T10:12:00Z"),
                ("anthropic-ratelimit-requests-remaining", "49"),
                ("anthropic-ratelimit-requests-reset", "2026-08-22T10:11:13Z"),
            ],
            48_000,
        ),
        // The provider's own answer to the question beats its bookkeeping.
        (&[("retry-after", "3"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")], 3_000),
    ];
    for (headers, expected) in cases {
        assert_eq!(of(headers, &Value::Null).wait, millis(*expected), "{headers:?}");
    }
}

#[test]
fn a_rejected_subscription_window_counts_and_an_allowed_one_does_not() {
    let window = |name: &str, status: &str, reset: &str| {
        let name = format!("anthropic-ratelimit-unified-{name}");
        [(format!("{name}status"), status.to_owned()), (format!("{name}reset"), reset.to_owned())]
    };
    // Resets in 1 h, 5 h and 3 days.
    let (soon, later, days) = ("1787397072", "1787411472", "1787652672");
    let account = Some(Scope::Account);
    let cases = [
        (vec![window("5h-", "rejected", soon), window("7d-", "allowed", days)], millis(3_600_000), account),
        (vec![window("5h-", "rejected", soon), window("7d-", "rejected", days)], millis(259_200_000), account),
        (
            vec![window("5h-", "allowed", soon), window("7d_oi-", "rejected", later)],
            millis(18_000_000),
            Some(Scope::Model),
        ),
        (vec![window("7d_opus-", "rejected", later), window("5h-", "rejected", soon)], millis(18_000_000), account),
        (vec![window("", "rejected", later)], millis(18_000_000), account),
        (vec![window("", "rejected", later), window("5h-", "rejected", soon)], millis(3_600_000), account),
        (vec![window("", "allowed", later), window("overage-", "rejected", days)], None, None),
    ];
    for (windows, wait, scope) in cases {
        let headers: Vec<(&str, &str)> = windows.iter().flatten().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(of(&headers, &Value::Null), Limit { wait, scope }, "{headers:?}");
    }
    let both = [("anthropic-ratelimit-unified-5h-status", "rejected"), ("retry-after", "7200")];
    assert_eq!(of(&both, &Value::Null), Limit { wait: millis(7_200_000), scope: account });
    let [status, reset] = window("5h-", "rejected", soon);
    let sooner =
        [(status.0.as_str(), status.1.as_str()), (reset.0.as_str(), reset.1.as_str()), ("retry-after", "7200")];
    assert_eq!(of(&sooner, &Value::Null).wait, millis(7_200_000));
    let [status, reset] = window("5h-", "rejected", later);
    let later_than_header =
        [(status.0.as_str(), status.1.as_str()), (reset.0.as_str(), reset.1.as_str()), ("retry-after", "60")];
    assert_eq!(of(&later_than_header, &Value::Null).wait, millis(18_000_000));
}

#[test]
fn every_body_form_is_understood() {
    let retry_info = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "20.044s"});
    let violation =
        |id: &str| json!({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": id}]});
    let google = |details: Value| json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}});
    let info = |name: &str, value: &str| json!({"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "QUOTA_EXHAUSTED", "metadata": {name: value}});
    // 10:11:12 UTC is 3:11:12 in California: 20 h 48 min 48 s to midnight.
    let midnight = 74_928_000;
    let (model, account) = (Some(Scope::Model), Some(Scope::Account));
    let cases = [
        (google(json!([retry_info])), millis(20_044), model),
        (
            google(json!([violation("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"), retry_info])),
            millis(20_044),
            model,
        ),
        (
            google(json!([violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier"), retry_info])),
            millis(midnight),
            model,
        ),
        (google(json!([violation("GenerateRequestsPerDayPerProjectPerModel-FreeTier")])), millis(midnight), model),
        (google(json!([info("quotaResetDelay", "1h2m3.5s")])), millis(3_723_500), model),
        (google(json!([info("quotaResetTimeStamp", "2026-08-22T11:11:12Z")])), millis(3_600_000), model),
        (google(json!([info("service", "x")])), None, None),
        (
            json!({"error": {"message": "You have exhausted your capacity. Your quota will reset after 1h2m3s."}}),
            millis(3_723_000),
            None,
        ),
        (
            json!({"error": {"message": "Rate limit reached. Please try again in 7m12s. Visit https://x"}}),
            millis(432_000),
            None,
        ),
        (json!({"error": {"message": "Rate limit reached. Please try again in 1.242s."}}), millis(1_242), None),
        (json!({"error": {"message": "Please retry in 33.5s."}}), millis(33_500), None),
        (json!({"error": {"message": "Too many requests, try again in 2 minutes"}}), millis(120_000), None),
        (json!({"error": {"message": "Look after yourself"}}), None, None),
        (
            json!({"error": {"type": "usage_limit_reached", "resets_at": 1_787_397_072, "resets_in_seconds": 5}}),
            millis(3_600_000),
            account,
        ),
        (json!({"error": {"type": "usage_limit_reached", "resets_in_seconds": 90}}), millis(90_000), account),
        (
            json!({"error": {"type": "usage_limit_reached", "resets_at": 1, "resets_in_seconds": 90}}),
            millis(90_000),
            account,
        ),
        (json!({"code": "subscription:free-usage-exhausted", "error": "…"}), millis(86_400_000), account),
        (
            json!({"error": {"metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1787393532000"}}}}),
            millis(60_000),
            None,
        ),
        (
            json!({"error": {"metadata": {"headers": {"X-RateLimit-Reset": 1_787_393_532_000_u64}}}}),
            millis(60_000),
            None,
        ),
        (
            json!({"error": {"code": "1308", "message": "已达到 5 小时的使用上限。您的限额将在 2026-08-22 20:11:12 重置。"}}),
            millis(7_200_000),
            account,
        ),
        (json!({"error": {"code": "1302", "message": "2026-08-22 20:11:12"}}), None, None),
        (Value::Null, None, None),
    ];
    for (body, wait, scope) in cases {
        assert_eq!(of(&[], &body), Limit { wait, scope }, "{body}");
    }
}

#[test]
fn a_day_ends_at_midnight_in_california_in_winter_and_summer() {
    // Computed with the time-zone database.
    let cases = [
        ("2026-01-15T12:00:00Z", "2026-01-16T08:00:00Z"),
        ("2026-07-15T12:00:00Z", "2026-07-16T07:00:00Z"),
        ("2026-07-15T06:59:59Z", "2026-07-15T07:00:00Z"),
        ("2026-07-15T07:00:00Z", "2026-07-16T07:00:00Z"),
        ("2026-03-08T09:30:00Z", "2026-03-09T07:00:00Z"),
        ("2026-03-08T12:00:00Z", "2026-03-09T07:00:00Z"),
        ("2026-03-09T06:00:00Z", "2026-03-09T07:00:00Z"),
        ("2026-11-01T06:30:00Z", "2026-11-01T07:00:00Z"),
        ("2026-11-01T08:30:00Z", "2026-11-02T08:00:00Z"),
        ("2026-11-02T07:59:59Z", "2026-11-02T08:00:00Z"),
        ("2026-12-31T20:00:00Z", "2027-01-01T08:00:00Z"),
        ("2027-01-01T07:59:59Z", "2027-01-01T08:00:00Z"),
        ("2027-03-14T08:00:00Z", "2027-03-15T07:00:00Z"),
        ("2028-11-05T07:00:00Z", "2028-11-06T08:00:00Z"),
    ];
    for (now, expected) in cases {
        let now = time::rfc3339(now).unwrap();
        assert_eq!(time::next_midnight_pacific(now), time::rfc3339(expected).unwrap(), "{now:?} {expected}");
    }
}

#[test]
fn dates_are_read_exactly_or_not_at_all() {
    let at = |ms| Some(Millis(ms));
    let http = [
        ("Sun, 06 Nov 1994 08:49:37 GMT", at(784_111_777_000)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", at(784_111_777_000)),
        ("Sun Nov  6 08:49:37 1994", at(784_111_777_000)),
        ("Thu, 29 Feb 2024 23:59:59 GMT", at(1_709_251_199_000)),
        ("Sun, 06 Nov 1994 08:49:37 CET", None),
        ("Sun, 06 Nov 1994 25:49:37 GMT", None),
        ("Sun, 06 Foo 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994", None),
        ("", None),
    ];
    for (text, expected) in http {
        assert_eq!(time::http_date(text), expected, "{text}");
    }
    let rfc3339 = [
        ("2026-08-22T10:11:12Z", at(1_787_393_472_000)),
        ("2000-03-01T00:00:00Z", at(951_868_800_000)),
        ("2100-03-01T00:00:00Z", at(4_107_542_400_000)),
        ("2026-08-22T10:11:12.5-01:30", at(1_787_398_872_500)),
        ("2026-08-22T10:11:12", None),
        ("2026-13-22T10:11:12Z", None),
        ("2026-08-22", None),
        ("1787393472", None),
    ];
    for (text, expected) in rfc3339 {
        assert_eq!(time::rfc3339(text), expected, "{text}");
    }
    let spans = [
        ("1h2m3s", millis(3_723_000)),
        ("1m30.5s", millis(90_500)),
        ("6ms", millis(6)),
        ("2 days, 3 hours", millis(183_600_000)),
        ("0s", millis(0)),
        ("5", None),
        ("s", None),
        ("5 apples", None),
        ("5s and more", None),
        ("1e30h", None),
    ];
    for (text, expected) in spans {
        assert_eq!(time::span(text), expected, "{text}");
    }
}
