//! What calls cost, to the micro-dollar.

use proptest::prelude::*;

use crate::ir::event::Usage;
use crate::prices::{Basis, Document, Price, Prices, Rates, Sold, Tier, shipped};

fn sold(model: &str) -> Sold<'_> {
    Sold { provider: "p", model, ..Sold::default() }
}

fn prices(json: &str) -> Prices {
    serde_json::from_str::<Document>(json).unwrap().read().unwrap()
}

fn cost(json: &str, usage: Usage) -> u64 {
    let prices = prices(&format!(r#"{{"models": {{"m": {json}}}}}"#));
    prices.cost(&usage, &sold("m")).micro
}

#[test]
fn the_buckets_of_each_protocol_cost_what_its_provider_charges() {
    // OpenAI: 10,000 of prompt, 8,000 of them cached, 500 of completion.
    let openai = r#"{"input": 2500000, "cache_read": 1250000, "output": 10000000}"#;
    assert_eq!(cost(openai, Usage { input: 2000, cache_read: 8000, output: 500, ..Usage::default() }), 20_000);
    // Anthropic: what is read and written comes on top of the input.
    let claude = r#"{"input": 3000000, "cache_read": 300000, "cache_write_5m": 3750000, "output": 15000000}"#;
    let usage = Usage { input: 2000, cache_read: 8000, cache_write: 1000, output: 500, ..Usage::default() };
    assert_eq!(cost(claude, usage), 19_650);
    // Gemini: thoughts come on top of the candidates.
    let gemini = r#"{"input": 1250000, "cache_read": 125000, "output": 10000000}"#;
    let usage = Usage { input: 2000, cache_read: 8000, output: 500, reasoning: 300, ..Usage::default() };
    assert_eq!(cost(gemini, usage), 11_500);
}

#[test]
fn whatever_costs_anything_costs_at_least_a_micro_dollar() {
    let one = Usage { input: 1, ..Usage::default() };
    assert_eq!(cost(r#"{"input": 1, "output": 0}"#, one), 1);
    assert_eq!(cost(r#"{"input": 0, "output": 5}"#, one), 0);
    assert_eq!(cost(r#"{"input": 1000000, "output": 0}"#, one), 1);
    assert_eq!(cost(r#"{"input": 1000001, "output": 0}"#, one), 2);
    assert_eq!(cost(r#"{"input": 0, "output": 0, "per_request": 7}"#, Usage::default()), 7);
}

#[test]
fn a_tier_is_for_all_tokens_of_a_prompt_that_is_longer() {
    let price = r#"{"input": 1000000, "output": 2000000, "tiers": [
        {"over": 100, "input": 2000000, "output": 3000000},
        {"over": 200, "input": 10000000, "output": 10000000, "cache_read": 1000000}]}"#;
    let of = |input, cache_read| cost(price, Usage { input, cache_read, output: 10, ..Usage::default() });
    assert_eq!(of(100, 0), 100 + 20);
    assert_eq!(of(101, 0), 202 + 30);
    assert_eq!(of(100, 1), 202 + 30);
    assert_eq!(of(101, 100), 1010 + 100 + 100);
}

#[test]
fn what_is_left_out_of_the_caches_prices_costs_what_fresh_input_does() {
    let all = Usage { input: 1, cache_read: 10, cache_write: 100, cache_write_long: 1000, ..Usage::default() };
    assert_eq!(cost(r#"{"input": 1000000, "output": 0}"#, all), 1111);
    assert_eq!(cost(r#"{"input": 1000000, "output": 0, "cache_write_5m": 2000000}"#, all), 2211);
    assert_eq!(cost(r#"{"input": 1000000, "output": 0, "cache_write_1h": 2000000}"#, all), 2111);
}

#[test]
fn the_accounts_price_goes_before_the_operators_and_that_before_the_table() {
    let operator = prices(
        r#"{"models": {"gpt-4.1": {"input": 1, "output": 1}, "gpt-*": {"input": 2, "output": 2},
        "relay/*": {"input": 3, "output": 3}}}"#,
    );
    let own = prices(r#"{"models": {"gpt-4.1": {"input": 4, "output": 4}}}"#);
    let input = |provider, model, own| {
        let found = operator.find(&Sold { provider, model, own, subscription: false });
        (found.price.map(|price| price.rates.input), found.basis)
    };
    assert_eq!(input("openai", "gpt-4.1", Some(&own)), (Some(4), Basis::Override));
    assert_eq!(input("openai", "gpt-4.1", None), (Some(1), Basis::Override));
    assert_eq!(input("openai", "gpt-4o", Some(&own)), (Some(2), Basis::Override));
    assert_eq!(input("relay", "x", None), (Some(3), Basis::Override));
    assert_eq!(input("anthropic", "claude-opus-5", None), (Some(5_000_000), Basis::List));
    assert_eq!(input("ollama", "llama3", None), (Some(0), Basis::List));
}

#[test]
fn a_model_without_a_price_follows_the_policy_and_says_so() {
    let usage = Usage { input: 1_000_000, ..Usage::default() };
    let of = |policy: &str| {
        let prices = prices(policy);
        let cost = prices.cost(&usage, &sold("nobody-knows"));
        (cost.micro, cost.basis, prices.ceiling(&sold("nobody-knows"), 10, 0))
    };
    assert_eq!(of("{}"), (0, Basis::Unknown, None));
    assert_eq!(of(r#"{"unknown": "deny"}"#), (0, Basis::Unknown, None));
    assert_eq!(of(r#"{"unknown": "zero"}"#), (0, Basis::Unknown, Some(0)));
    let fallback = r#"{"unknown": {"fallback": {"input": 1000000, "output": 9}}}"#;
    assert_eq!(of(fallback), (1_000_000, Basis::Fallback, Some(10)));
}

#[test]
fn a_subscription_costs_nothing_and_records_what_it_saved() {
    let usage = Usage { input: 1_000_000, output: 1_000_000, ..Usage::default() };
    let sold = Sold { provider: "codex", model: "gpt-5", subscription: true, own: None };
    let cost = Prices::default().cost(&usage, &sold);
    assert_eq!((cost.micro, cost.saved, cost.basis), (0, 11_250_000, Basis::Subscription));
    assert_eq!(Prices::default().ceiling(&sold, 10, 10), Some(0));
}

#[test]
fn the_table_knows_a_model_by_the_names_it_is_sold_under() {
    let input = |model| Prices::default().find(&sold(model)).price.map(|price| price.rates.input);
    assert_eq!(input("gpt-4.1-2025-04-14"), Some(2_000_000));
    assert_eq!(input("anthropic/claude-sonnet-4.5"), Some(3_000_000));
    assert_eq!(input("claude-opus-4-1-20250805"), Some(15_000_000));
    assert_eq!(input("gemini-3.1-pro-preview"), Some(2_000_000));
    assert_eq!(input("gpt-4.1-mini"), Some(400_000));
    // Another product, whatever it is.
    assert_eq!(input("gpt-4o-audio-preview"), None);
    assert_eq!(input("gpt-5.9"), None);
    assert_eq!(input("claude-opus-5-fast"), None);
    assert_eq!(input("gemini-3-pro-image-preview"), None);
}

#[test]
fn every_row_of_the_table_is_found_by_its_own_name_and_makes_sense() {
    for listed in shipped() {
        assert_eq!(Prices::default().find(&sold(listed.name)).price, Some(listed.price()), "{}", listed.name);
        let sane = |rates: &Rates| {
            assert!(rates.input > 0 && rates.cache_read <= rates.input, "{}", listed.name);
            assert!(rates.cache_write >= rates.input && rates.cache_write_long >= rates.cache_write, "{}", listed.name);
        };
        sane(&listed.rates);
        listed.tiers.iter().for_each(|Tier { rates, .. }| sane(rates));
    }
}

#[test]
fn a_price_that_cannot_be_meant_is_refused_with_its_place() {
    let problem = |json: &str| {
        let problems = serde_json::from_str::<Document>(json).unwrap().read().unwrap_err();
        problems.into_iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect::<Vec<_>>()
    };
    let dear = problem(r#"{"models": {"m": {"input": 2000000000000, "output": 0}}}"#);
    assert_eq!(dear, ["models.m.input: more than 1000000000000 micro-dollars per million tokens"]);
    let tiers = r#"[{"over": 2, "input": 1, "output": 1}, {"over": 2, "input": 1, "output": 1}]"#;
    let tiers = problem(&format!(r#"{{"models": {{"m": {{"input": 1, "output": 1, "tiers": {tiers}}}}}}}"#));
    assert_eq!(tiers, ["models.m.tiers: not in ascending order of `over`"]);
    assert!(serde_json::from_str::<Document>(r#"{"models": {"m": {"input": 1, "output": 1, "cahce": 1}}}"#).is_err());
    assert!(serde_json::from_str::<Document>(r#"{"models": {"m": {"input": 2.5, "output": 1}}}"#).is_err());
}

fn rates() -> impl Strategy<Value = Rates> {
    (0..100_000_000_u64, 0..100_000_000_u64, 0..100_000_000_u64, 0..100_000_000_u64, 0..100_000_000_u64).prop_map(
        |(input, cache_read, cache_write, cache_write_long, output)| Rates {
            input,
            cache_read: cache_read.min(input),
            cache_write,
            cache_write_long,
            output,
        },
    )
}

proptest! {
    #[test]
    fn no_call_within_its_estimate_costs_more_than_its_ceiling(
        base in rates(), long in rates(), over in 0..100_000_u64,
        buckets in prop::array::uniform6(0..200_000_u64), more in 0..100_000_u64,
    ) {
        let [input, cache_read, cache_write, cache_write_long, output, reasoning] = buckets;
        // Longer prompts never cost less.
        let long = Rates {
            input: long.input.max(base.input),
            cache_read: long.cache_read.max(base.cache_read),
            cache_write: long.cache_write.max(base.cache_write),
            cache_write_long: long.cache_write_long.max(base.cache_write_long),
            output: long.output.max(base.output),
        };
        let price = Price { rates: base, per_request: 3, tiers: vec![Tier { over, rates: long }].into() };
        let usage = Usage { input, cache_read, cache_write, cache_write_long, output, reasoning };
        let prompt = input + cache_read + cache_write + cache_write_long;
        prop_assert!(price.cost(&usage) <= price.ceiling(prompt + more, output + reasoning + more));
    }

    #[test]
    fn numbers_no_provider_sends_neither_wrap_nor_panic(buckets in prop::array::uniform6(any::<u64>()), rate in any::<u64>()) {
        let [input, cache_read, cache_write, cache_write_long, output, reasoning] = buckets;
        let usage = Usage { input, cache_read, cache_write, cache_write_long, output, reasoning };
        let rates = Rates { input: rate, cache_read: rate, cache_write: rate, cache_write_long: rate, output: rate };
        let price = Price { rates, ..Price::default() };
        let exact = buckets.iter().map(|tokens| u128::from(*tokens)).sum::<u128>().checked_mul(rate.into());
        let exact = exact.map_or(u128::MAX, |exact| exact.div_ceil(1_000_000));
        prop_assert_eq!(u128::from(price.cost(&usage)), exact.min(u64::MAX.into()));
    }
}
