//! The shipped prices, in micro-dollars per million tokens, as their makers sell them at the standard rate: no batches,
//! no priority, no regional surcharge, no fee for a cache's hours. Whoever resells a model may ask for something else; an
//! override says so.
//!
//! Rows under "not read from the maker's page" come from public price indices or from memory.

use super::{Listed, Price, Rates, Tier, listed};

/// Providers that are the operator's own machine, or ours.
const FREE: &[&str] = &["demo", "ollama", "lm-studio", "lmstudio", "llama-cpp", "llamacpp", "vllm"];

pub(super) fn free(provider: &str) -> Option<Price> {
    FREE.contains(&provider).then_some(Price::FREE)
}

/// The price of `model` by whichever name it is sold. A variant that is not in the table is another product, and has no
/// price here.
pub(super) fn list(model: &str) -> Option<Price> {
    let found = listed(model)?;
    let plain = model.rsplit('/').next().unwrap_or_default().split([':', '@', '(']).next().unwrap_or_default();
    let rest = plain.get(found.name.len()..).unwrap_or_default();
    rest.split('-').all(is_edition).then(|| found.price())
}

/// A word that does not change what is paid: a date, or how finished it is.
fn is_edition(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
        || ["latest", "preview", "exp", "it", "instruct", "customtools", "v1"].contains(&word)
}

const fn rates(input: u64, cache_read: u64, output: u64) -> Rates {
    Rates { input, cache_read, cache_write: input, cache_write_long: input, output }
}

/// What is written to a cache costs a quarter more than fresh input.
const fn written(input: u64, cache_read: u64, output: u64) -> Rates {
    Rates { cache_write: input / 4 * 5, cache_write_long: input / 4 * 5, ..rates(input, cache_read, output) }
}

const fn row(name: &'static str, input: u64, cache_read: u64, output: u64) -> Listed {
    Listed { name, rates: rates(input, cache_read, output), tiers: &[] }
}

/// Claude: five minutes cost a quarter more than fresh input, an hour costs twice as much.
const fn claude(name: &'static str, input: u64, cache_read: u64, output: u64) -> Listed {
    let rates = Rates { cache_write_long: input * 2, ..written(input, cache_read, output) };
    Listed { name, rates, tiers: &[] }
}

const fn tiered(name: &'static str, rates: Rates, tiers: &'static [Tier]) -> Listed {
    Listed { name, rates, tiers }
}

const fn over(tokens: u64, rates: Rates) -> Tier {
    Tier { over: tokens, rates }
}

/// Prompts of more than 272,000 tokens cost OpenAI's customers twice the input and half as much again for the output.
const LONG: u64 = 272_000;

pub(super) static PRICES: &[Listed] = &[
    // <https://platform.claude.com/docs/en/about-claude/pricing>, read in the autumn of 2026
    claude("claude-fable-5-1", 10_000_000, 250_000, 50_000_000),
    claude("claude-fable-5", 10_000_000, 1_000_000, 50_000_000),
    claude("claude-opus-5-5", 4_000_000, 200_000, 20_000_000),
    claude("claude-opus-5", 5_000_000, 500_000, 25_000_000),
    claude("claude-opus-4-8", 5_000_000, 500_000, 25_000_000),
    claude("claude-opus-4-7", 5_000_000, 500_000, 25_000_000),
    claude("claude-opus-4-6", 5_000_000, 500_000, 25_000_000),
    claude("claude-opus-4-5", 5_000_000, 500_000, 25_000_000),
    claude("claude-opus-4-1", 15_000_000, 1_500_000, 75_000_000),
    claude("claude-opus-4", 15_000_000, 1_500_000, 75_000_000),
    claude("claude-sonnet-5-5", 2_000_000, 100_000, 10_000_000),
    claude("claude-sonnet-5", 2_000_000, 200_000, 10_000_000),
    claude("claude-sonnet-4-6", 3_000_000, 300_000, 15_000_000),
    claude("claude-sonnet-4-5", 3_000_000, 300_000, 15_000_000),
    claude("claude-sonnet-4", 3_000_000, 300_000, 15_000_000),
    claude("claude-3-7-sonnet", 3_000_000, 300_000, 15_000_000),
    claude("claude-3-5-sonnet", 3_000_000, 300_000, 15_000_000),
    tiered("claude-haiku-5-5", HAIKU, &[over(100_000, LONG_HAIKU)]),
    claude("claude-haiku-4-5", 1_000_000, 100_000, 5_000_000),
    claude("claude-3-5-haiku", 800_000, 80_000, 4_000_000),
    claude("claude-3-opus", 15_000_000, 1_500_000, 75_000_000),
    claude("claude-3-haiku", 250_000, 30_000, 1_250_000),
    // <https://developers.openai.com/api/docs/pricing>, by way of public indices of the autumn of 2026
    tiered(
        "gpt-6.1-sol",
        written(2_000_000, 100_000, 10_000_000),
        &[over(LONG, written(4_000_000, 200_000, 15_000_000))],
    ),
    tiered(
        "gpt-6.1-terra",
        written(1_000_000, 50_000, 5_000_000),
        &[over(LONG, written(2_000_000, 100_000, 7_500_000))],
    ),
    tiered(
        "gpt-6-astra",
        written(10_000_000, 1_000_000, 50_000_000),
        &[over(LONG, written(20_000_000, 2_000_000, 75_000_000))],
    ),
    tiered(
        "gpt-6-sol",
        written(2_000_000, 200_000, 10_000_000),
        &[over(LONG, written(4_000_000, 400_000, 15_000_000))],
    ),
    tiered("gpt-6-luna", written(100_000, 10_000, 500_000), &[over(LONG, written(200_000, 20_000, 750_000))]),
    tiered("gpt-5.6", written(2_000_000, 200_000, 10_000_000), &[over(LONG, written(4_000_000, 400_000, 15_000_000))]),
    tiered(
        "gpt-5.6-sol",
        written(2_000_000, 200_000, 10_000_000),
        &[over(LONG, written(4_000_000, 400_000, 15_000_000))],
    ),
    tiered(
        "gpt-5.6-terra",
        written(2_000_000, 200_000, 12_000_000),
        &[over(LONG, written(4_000_000, 400_000, 18_000_000))],
    ),
    tiered("gpt-5.6-luna", written(200_000, 20_000, 1_200_000), &[over(LONG, written(400_000, 40_000, 1_800_000))]),
    tiered("gpt-5.5", rates(5_000_000, 500_000, 30_000_000), &[over(LONG, rates(10_000_000, 1_000_000, 45_000_000))]),
    tiered("gpt-5.4", rates(2_500_000, 250_000, 15_000_000), &[over(LONG, rates(5_000_000, 500_000, 22_500_000))]),
    row("gpt-5.5-pro", 30_000_000, 30_000_000, 180_000_000),
    row("gpt-5.4-pro", 30_000_000, 30_000_000, 180_000_000),
    row("gpt-5.4-mini", 750_000, 75_000, 4_500_000),
    row("gpt-5.4-nano", 200_000, 20_000, 1_250_000),
    row("gpt-5.3-codex", 1_750_000, 175_000, 14_000_000),
    row("gpt-5.2-pro", 21_000_000, 21_000_000, 168_000_000),
    row("gpt-5.2-codex", 1_750_000, 175_000, 14_000_000),
    row("gpt-5.2-chat-latest", 1_750_000, 175_000, 14_000_000),
    row("gpt-5.2", 1_750_000, 175_000, 14_000_000),
    row("gpt-5.1-codex-max", 1_250_000, 125_000, 10_000_000),
    row("gpt-5.1-codex-mini", 250_000, 25_000, 2_000_000),
    row("gpt-5.1-codex", 1_250_000, 125_000, 10_000_000),
    row("gpt-5.1-chat-latest", 1_250_000, 125_000, 10_000_000),
    row("gpt-5.1", 1_250_000, 125_000, 10_000_000),
    row("gpt-5-pro", 15_000_000, 15_000_000, 120_000_000),
    row("gpt-5-mini", 250_000, 25_000, 2_000_000),
    row("gpt-5-nano", 50_000, 5_000, 400_000),
    row("gpt-5-codex", 1_250_000, 125_000, 10_000_000),
    row("gpt-5-chat-latest", 1_250_000, 125_000, 10_000_000),
    row("gpt-5", 1_250_000, 125_000, 10_000_000),
    // Not read from the maker's page.
    row("gpt-4.1", 2_000_000, 500_000, 8_000_000),
    row("gpt-4.1-mini", 400_000, 100_000, 1_600_000),
    row("gpt-4.1-nano", 100_000, 25_000, 400_000),
    row("gpt-4o", 2_500_000, 1_250_000, 10_000_000),
    row("gpt-4o-mini", 150_000, 75_000, 600_000),
    row("chatgpt-4o-latest", 5_000_000, 5_000_000, 15_000_000),
    row("gpt-4-turbo", 10_000_000, 10_000_000, 30_000_000),
    row("gpt-4", 30_000_000, 30_000_000, 60_000_000),
    row("gpt-3.5-turbo", 500_000, 500_000, 1_500_000),
    row("o4-mini", 1_100_000, 275_000, 4_400_000),
    row("o3-pro", 20_000_000, 20_000_000, 80_000_000),
    row("o3-mini", 1_100_000, 550_000, 4_400_000),
    row("o3", 2_000_000, 500_000, 8_000_000),
    row("o1-pro", 150_000_000, 150_000_000, 600_000_000),
    row("o1", 15_000_000, 7_500_000, 60_000_000),
    row("text-embedding-3-small", 20_000, 20_000, 0),
    row("text-embedding-3-large", 130_000, 130_000, 0),
    row("text-embedding-ada-002", 100_000, 100_000, 0),
    // <https://ai.google.dev/gemini-api/docs/pricing>, read in October 2026; the 3.6 to 3.8 flash rates are an
    // introduction that ends with the year and doubles then
    row("gemini-3.8-flash", 750_000, 75_000, 3_750_000),
    row("gemini-3.7-flash", 750_000, 75_000, 3_750_000),
    row("gemini-3.6-flash", 750_000, 75_000, 3_750_000),
    row("gemini-3.5-flash", 1_500_000, 150_000, 9_000_000),
    row("gemini-3.5-flash-lite", 300_000, 30_000, 2_500_000),
    tiered(
        "gemini-3.1-pro",
        rates(2_000_000, 200_000, 12_000_000),
        &[over(200_000, rates(4_000_000, 400_000, 18_000_000))],
    ),
    tiered(
        "gemini-3-pro",
        rates(2_000_000, 200_000, 12_000_000),
        &[over(200_000, rates(4_000_000, 400_000, 18_000_000))],
    ),
    tiered(
        "gemini-2.5-pro",
        rates(1_250_000, 125_000, 10_000_000),
        &[over(200_000, rates(2_500_000, 250_000, 15_000_000))],
    ),
    row("gemini-2.5-flash", 300_000, 30_000, 2_500_000),
    row("gemini-2.5-flash-lite", 100_000, 10_000, 400_000),
    // Not read from the maker's page. Nearly all that image models answer is an image.
    row("gemini-3.1-flash-lite", 250_000, 25_000, 1_500_000),
    row("gemini-3-flash", 500_000, 50_000, 3_000_000),
    row("gemini-2.5-flash-image", 300_000, 30_000, 30_000_000),
    row("gemini-2.0-flash", 100_000, 25_000, 400_000),
    row("gemini-2.0-flash-lite", 75_000, 75_000, 300_000),
    row("gemini-embedding-001", 150_000, 150_000, 0),
    // <https://api-docs.deepseek.com/quick_start/pricing>, read in the autumn of 2026: the rates of peak hours, which
    // are twice the others
    row("deepseek-v4-pro", 1_320_000, 44_000, 3_960_000),
    row("deepseek-flash", 300_000, 6_000, 1_200_000),
    row("deepseek-v4-flash", 300_000, 6_000, 1_200_000),
    row("deepseek-chat", 300_000, 6_000, 1_200_000),
    row("deepseek-reasoner", 300_000, 6_000, 1_200_000),
    // <https://docs.x.ai/docs/models>, by way of public indices
    tiered("grok-4.5", rates(2_000_000, 500_000, 6_000_000), &[over(200_000, rates(4_000_000, 1_000_000, 12_000_000))]),
    tiered("grok-4.3", rates(1_250_000, 200_000, 2_500_000), &[over(200_000, rates(2_500_000, 400_000, 5_000_000))]),
    // Not read from the maker's page.
    row("grok-4-fast", 200_000, 50_000, 500_000),
    row("grok-4", 3_000_000, 750_000, 15_000_000),
    row("grok-code-fast-1", 200_000, 20_000, 1_500_000),
    row("grok-3", 3_000_000, 750_000, 15_000_000),
    row("grok-3-mini", 300_000, 75_000, 500_000),
    // <https://platform.moonshot.ai/docs/pricing>, <https://docs.z.ai/guides/overview/pricing>,
    // <https://platform.minimax.io/docs>, by way of public indices
    row("kimi-k3", 3_000_000, 300_000, 15_000_000),
    row("kimi-k2.6", 950_000, 160_000, 4_000_000),
    row("kimi-k2.5", 600_000, 100_000, 3_000_000),
    row("kimi-k2-thinking", 600_000, 150_000, 2_500_000),
    row("glm-5.3", 1_400_000, 260_000, 4_400_000),
    row("glm-5.2", 1_400_000, 260_000, 4_400_000),
    row("glm-5.1", 1_400_000, 260_000, 4_400_000),
    row("glm-5", 1_000_000, 200_000, 3_200_000),
    row("glm-4.7", 600_000, 110_000, 2_200_000),
    row("glm-4.6", 600_000, 110_000, 2_200_000),
    row("glm-4.5", 600_000, 110_000, 2_200_000),
    row("glm-4.5-air", 200_000, 30_000, 1_100_000),
    row("MiniMax-M2.7", 300_000, 60_000, 1_200_000),
    row("MiniMax-M2.5", 300_000, 30_000, 1_200_000),
    row("MiniMax-M2.1", 300_000, 30_000, 1_200_000),
    row("MiniMax-M2", 300_000, 30_000, 1_200_000),
    // <https://www.alibabacloud.com/help/en/model-studio/models>: not read from the maker's page; international rates
    row("qwen3.5-plus", 400_000, 400_000, 2_400_000),
    row("qwen3-max", 1_200_000, 1_200_000, 6_000_000),
    // <https://mistral.ai/pricing>, by way of public indices
    row("mistral-large-latest", 500_000, 500_000, 1_500_000),
    row("mistral-medium-latest", 400_000, 400_000, 2_000_000),
    row("mistral-small-latest", 100_000, 100_000, 300_000),
    row("codestral-latest", 300_000, 300_000, 900_000),
    row("devstral-medium-latest", 400_000, 400_000, 2_000_000),
    row("magistral-medium-latest", 2_000_000, 2_000_000, 5_000_000),
    row("magistral-small-latest", 500_000, 500_000, 1_500_000),
    row("ministral-8b-latest", 100_000, 100_000, 100_000),
    row("ministral-3b-latest", 40_000, 40_000, 40_000),
];

const HAIKU: Rates = Rates { cache_write_long: 200_000, ..written(100_000, 10_000, 500_000) };
const LONG_HAIKU: Rates = Rates { cache_write_long: 1_000_000, ..written(500_000, 50_000, 2_500_000) };
