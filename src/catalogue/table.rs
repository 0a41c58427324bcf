//! The table. From the makers' model pages; where those disagree with what their API accepts, the API.

use super::Modality::{Audio, Document, Image, Video};
use super::Thinking::{Budget, Levels, Never, Unknown};
use super::{Modality, Model, Thinking};
use crate::ir::Effort::{High, Low, Max, Medium, Minimal, XHigh};

const TEXT: &[Modality] = &[];
const SEES: &[Modality] = &[Image];
const READS: &[Modality] = &[Image, Document];
const ALL: &[Modality] = &[Image, Document, Audio, Video];

const fn model(name: &'static str, context: u64, output: u64, thinking: Thinking, input: &'static [Modality]) -> Model {
    let output = if output == 0 { None } else { Some(output) };
    Model { name, context, output, thinking, input, listed: true }
}

/// A model that is found, but is no name its maker sells (any more).
const fn family(
    name: &'static str,
    context: u64,
    output: u64,
    thinking: Thinking,
    input: &'static [Modality],
) -> Model {
    Model { listed: false, ..model(name, context, output, thinking, input) }
}

/// Claude: an extended-thinking budget.
const fn claude(max: u64) -> Thinking {
    Budget { min: 1_024, max, off: true, dynamic: false }
}

/// Qwen: `thinking_budget`, or as much as it likes.
const QWEN: Thinking = Budget { min: 1, max: 81_920, off: true, dynamic: true };
/// On or off, nothing between.
const SWITCH: Thinking = Levels { levels: &[High], off: true };
const TO_HIGH: Thinking = Levels { levels: &[Low, Medium, High], off: false };
const TO_XHIGH: Thinking = Levels { levels: &[Low, Medium, High, XHigh], off: false };
const OFF_TO_XHIGH: Thinking = Levels { levels: &[Low, Medium, High, XHigh], off: true };
const OFF_TO_MAX: Thinking = Levels { levels: &[Low, Medium, High, XHigh, Max], off: true };
const MINIMAL_TO_HIGH: Thinking = Levels { levels: &[Minimal, Low, Medium, High], off: false };
const PRO: Thinking = Levels { levels: &[Medium, High, XHigh], off: false };

const GEMINI: u64 = 1_048_576;

pub static MODELS: &[Model] = &[
    // <https://docs.anthropic.com/en/docs/about-claude/models/overview>
    model("claude-opus-5-5", 1_000_000, 128_000, OFF_TO_MAX, READS),
    model("claude-opus-5", 1_000_000, 128_000, OFF_TO_MAX, READS),
    model("claude-sonnet-5", 1_000_000, 128_000, OFF_TO_MAX, READS),
    model("claude-fable-5", 1_000_000, 128_000, OFF_TO_MAX, READS),
    model("claude-opus-4-8", 1_000_000, 128_000, OFF_TO_MAX, READS),
    model("claude-opus-4-7", 1_000_000, 128_000, OFF_TO_MAX, READS),
    model("claude-opus-4-6", 1_000_000, 128_000, Levels { levels: &[Low, Medium, High, Max], off: true }, READS),
    model("claude-sonnet-4-6", 200_000, 64_000, Levels { levels: &[Low, Medium, High, Max], off: true }, READS),
    model("claude-opus-4-5", 200_000, 64_000, claude(63_999), READS),
    model("claude-sonnet-4-5", 200_000, 64_000, claude(63_999), READS),
    model("claude-haiku-4-5", 200_000, 64_000, claude(63_999), READS),
    model("claude-opus-4-1-20250805", 200_000, 32_000, claude(31_999), READS),
    model("claude-opus-4-20250514", 200_000, 32_000, claude(31_999), READS),
    model("claude-sonnet-4-20250514", 200_000, 64_000, claude(63_999), READS),
    family("claude-3-7-sonnet", 200_000, 64_000, claude(63_999), READS),
    family("claude-3-5-sonnet", 200_000, 8_192, Never, READS),
    family("claude-3-5-haiku", 200_000, 8_192, Never, READS),
    family("claude-3-opus", 200_000, 4_096, Never, READS),
    family("claude-3-haiku", 200_000, 4_096, Never, READS),
    // <https://ai.google.dev/gemini-api/docs/models>
    model("gemini-3.7-flash", GEMINI, 65_536, MINIMAL_TO_HIGH, ALL),
    model("gemini-3.6-flash", GEMINI, 65_536, MINIMAL_TO_HIGH, ALL),
    model("gemini-3.5-flash", GEMINI, 65_536, MINIMAL_TO_HIGH, ALL),
    model("gemini-3.5-flash-lite", GEMINI, 65_536, MINIMAL_TO_HIGH, ALL),
    model("gemini-3.1-pro-preview", GEMINI, 65_536, TO_HIGH, ALL),
    model("gemini-3.1-flash-lite-preview", GEMINI, 65_536, Levels { levels: &[Minimal, High], off: false }, ALL),
    model("gemini-3.1-flash-image-preview", GEMINI, 65_536, Levels { levels: &[Minimal, High], off: false }, ALL),
    model("gemini-3-pro-preview", GEMINI, 65_536, Levels { levels: &[Low, High], off: false }, ALL),
    model("gemini-3-pro-image-preview", GEMINI, 65_536, Levels { levels: &[Low, High], off: false }, ALL),
    model("gemini-3-flash-preview", GEMINI, 65_536, MINIMAL_TO_HIGH, ALL),
    model("gemini-2.5-pro", GEMINI, 65_536, Budget { min: 128, max: 32_768, off: false, dynamic: true }, ALL),
    model("gemini-2.5-flash", GEMINI, 65_536, Budget { min: 1, max: 24_576, off: true, dynamic: true }, ALL),
    model("gemini-2.5-flash-lite", GEMINI, 65_536, Budget { min: 512, max: 24_576, off: true, dynamic: true }, ALL),
    model("gemini-2.5-flash-image", 32_768, 32_768, Never, SEES),
    model("gemini-2.0-flash", GEMINI, 8_192, Never, ALL),
    model("gemini-2.0-flash-lite", GEMINI, 8_192, Never, ALL),
    model("gemma-3-27b-it", 131_072, 8_192, Never, SEES),
    // <https://platform.openai.com/docs/models>
    model("gpt-5.6", 1_050_000, 128_000, OFF_TO_MAX, READS),
    model("gpt-5.6-sol", 1_050_000, 128_000, OFF_TO_MAX, READS),
    model("gpt-5.6-terra", 1_050_000, 128_000, OFF_TO_MAX, READS),
    model("gpt-5.6-luna", 400_000, 128_000, OFF_TO_MAX, READS),
    model("gpt-5.5", 1_050_000, 128_000, OFF_TO_XHIGH, READS),
    model("gpt-5.5-pro", 1_050_000, 128_000, PRO, READS),
    model("gpt-5.4", 1_050_000, 128_000, OFF_TO_XHIGH, READS),
    model("gpt-5.4-pro", 1_050_000, 128_000, PRO, READS),
    model("gpt-5.4-mini", 400_000, 128_000, OFF_TO_XHIGH, READS),
    model("gpt-5.4-nano", 400_000, 128_000, OFF_TO_XHIGH, READS),
    model("gpt-5.3-codex", 400_000, 128_000, TO_XHIGH, READS),
    family("gpt-5.3-codex-spark", 128_000, 128_000, TO_XHIGH, TEXT),
    model("gpt-5.2", 400_000, 128_000, OFF_TO_XHIGH, READS),
    model("gpt-5.2-pro", 400_000, 128_000, PRO, READS),
    model("gpt-5.2-codex", 400_000, 128_000, TO_XHIGH, READS),
    model("gpt-5.2-chat-latest", 128_000, 16_384, Never, SEES),
    model("gpt-5.1", 400_000, 128_000, Levels { levels: &[Low, Medium, High], off: true }, READS),
    model("gpt-5.1-codex", 400_000, 128_000, TO_HIGH, READS),
    model("gpt-5.1-codex-max", 400_000, 128_000, TO_XHIGH, READS),
    model("gpt-5.1-codex-mini", 400_000, 128_000, Levels { levels: &[Medium, High], off: false }, READS),
    model("gpt-5.1-chat-latest", 128_000, 16_384, Levels { levels: &[Medium], off: false }, SEES),
    model("gpt-5", 400_000, 128_000, MINIMAL_TO_HIGH, READS),
    model("gpt-5-mini", 400_000, 128_000, MINIMAL_TO_HIGH, READS),
    model("gpt-5-nano", 400_000, 128_000, MINIMAL_TO_HIGH, READS),
    model("gpt-5-pro", 400_000, 272_000, Levels { levels: &[High], off: false }, READS),
    model("gpt-5-codex", 400_000, 128_000, TO_HIGH, READS),
    model("gpt-5-chat-latest", 128_000, 16_384, Never, SEES),
    model("gpt-4.1", 1_047_576, 32_768, Never, READS),
    model("gpt-4.1-mini", 1_047_576, 32_768, Never, READS),
    model("gpt-4.1-nano", 1_047_576, 32_768, Never, READS),
    model("gpt-4o", 128_000, 16_384, Never, READS),
    model("gpt-4o-mini", 128_000, 16_384, Never, READS),
    model("chatgpt-4o-latest", 128_000, 16_384, Never, SEES),
    model("gpt-4-turbo", 128_000, 4_096, Never, SEES),
    model("gpt-4", 8_192, 8_192, Never, TEXT),
    model("gpt-3.5-turbo", 16_385, 4_096, Never, TEXT),
    model("o4-mini", 200_000, 100_000, TO_HIGH, READS),
    model("o3", 200_000, 100_000, TO_HIGH, READS),
    model("o3-pro", 200_000, 100_000, TO_HIGH, READS),
    model("o3-mini", 200_000, 100_000, TO_HIGH, TEXT),
    model("o1", 200_000, 100_000, TO_HIGH, READS),
    model("o1-pro", 200_000, 100_000, TO_HIGH, READS),
    model("gpt-oss-120b", 131_072, 131_072, TO_HIGH, TEXT),
    model("gpt-oss-20b", 131_072, 131_072, TO_HIGH, TEXT),
    // <https://api-docs.deepseek.com/quick_start/pricing>
    model("deepseek-v4-pro", 1_000_000, 384_000, Levels { levels: &[High, Max], off: true }, TEXT),
    model("deepseek-v4-flash", 1_000_000, 384_000, Levels { levels: &[High, Max], off: true }, TEXT),
    model("deepseek-flash", 1_000_000, 384_000, Levels { levels: &[High, Max], off: true }, TEXT),
    model("deepseek-chat", 131_072, 8_192, SWITCH, TEXT),
    model("deepseek-reasoner", 131_072, 65_536, Unknown, TEXT),
    family("deepseek-v3.2", 131_072, 65_536, SWITCH, TEXT),
    family("deepseek-v3.1", 131_072, 65_536, SWITCH, TEXT),
    family("deepseek-v3", 131_072, 0, Never, TEXT),
    family("deepseek-r1", 131_072, 0, Unknown, TEXT),
    // <https://help.aliyun.com/zh/model-studio/models>
    model("qwen3.6-plus", 1_000_000, 65_536, QWEN, &[Image, Video]),
    model("qwen3.5-plus", 1_000_000, 65_536, QWEN, &[Image, Video]),
    model("qwen3-max", 262_144, 65_536, QWEN, TEXT),
    model("qwen-max", 32_768, 8_192, Never, TEXT),
    model("qwen-plus", 1_000_000, 32_768, QWEN, TEXT),
    model("qwen-flash", 1_000_000, 32_768, QWEN, TEXT),
    model("qwen-turbo", 1_000_000, 16_384, QWEN, TEXT),
    model("qwen3-coder-plus", 1_000_000, 65_536, Never, TEXT),
    model("qwen3-coder-flash", 1_000_000, 65_536, Never, TEXT),
    family("qwen3-coder", 262_144, 65_536, Never, TEXT),
    model("qwen3-vl-plus", 262_144, 32_768, QWEN, &[Image, Video]),
    model("qwen3-235b-a22b", 131_072, 0, QWEN, TEXT),
    model("qwen3-32b", 131_072, 0, QWEN, TEXT),
    model("qwq-plus", 131_072, 8_192, Unknown, TEXT),
    // <https://platform.moonshot.ai/docs>
    model("kimi-k3", 1_000_000, 65_536, Levels { levels: &[Low, High, Max], off: true }, &[Image, Video]),
    model("kimi-k3-256k", 262_144, 65_536, Levels { levels: &[Low, High, Max], off: true }, &[Image, Video]),
    model("kimi-k2.7-code", 262_144, 65_536, Levels { levels: &[Low, High], off: true }, &[Image, Video]),
    model("kimi-k2.6", 262_144, 65_536, Levels { levels: &[Low, High], off: true }, &[Image, Video]),
    model("kimi-k2.5", 262_144, 32_768, SWITCH, &[Image, Video]),
    model("kimi-k2-thinking", 262_144, 32_768, Unknown, TEXT),
    family("kimi-k2", 131_072, 32_768, Never, TEXT),
    model("moonshot-v1-128k", 131_072, 0, Never, TEXT),
    model("moonshot-v1-32k", 32_768, 0, Never, TEXT),
    model("moonshot-v1-8k", 8_192, 0, Never, TEXT),
    // <https://docs.bigmodel.cn/cn/guide/start/model-overview>
    model("glm-5.1", 200_000, 128_000, SWITCH, TEXT),
    model("glm-5", 200_000, 128_000, SWITCH, TEXT),
    model("glm-4.7", 200_000, 128_000, SWITCH, TEXT),
    model("glm-4.6", 200_000, 128_000, SWITCH, TEXT),
    model("glm-4.5", 131_072, 98_304, SWITCH, TEXT),
    model("glm-4.5-air", 131_072, 98_304, SWITCH, TEXT),
    model("glm-4.5v", 65_536, 16_384, SWITCH, &[Image, Video]),
    // <https://platform.minimax.io/docs>
    model("MiniMax-M2.7", 204_800, 131_072, Unknown, TEXT),
    model("MiniMax-M2.5", 204_800, 131_072, Unknown, TEXT),
    model("MiniMax-M2.1", 204_800, 131_072, Unknown, TEXT),
    model("MiniMax-M2", 204_800, 131_072, Unknown, TEXT),
    // <https://docs.x.ai/docs/models>
    model("grok-4.6", 500_000, 0, TO_XHIGH, SEES),
    model("grok-4.5", 500_000, 0, TO_HIGH, SEES),
    model("grok-4.3", 1_000_000, 0, Levels { levels: &[Low, Medium, High], off: true }, SEES),
    model("grok-4.20-0309-reasoning", 2_000_000, 0, Never, SEES),
    model("grok-4.20-0309-non-reasoning", 2_000_000, 0, Never, SEES),
    model("grok-4.20-multi-agent-0309", 2_000_000, 0, Never, SEES),
    model("grok-4-fast", 2_000_000, 0, Never, SEES),
    model("grok-4", 256_000, 0, Never, SEES),
    model("grok-code-fast-1", 256_000, 0, Never, TEXT),
    model("grok-3", 131_072, 0, Never, TEXT),
    model("grok-3-mini", 131_072, 0, Levels { levels: &[Low, High], off: false }, TEXT),
    // <https://docs.mistral.ai/getting-started/models>
    model("mistral-large-latest", 262_144, 0, Never, SEES),
    model("mistral-medium-latest", 131_072, 0, Never, SEES),
    model("mistral-small-latest", 131_072, 0, Never, SEES),
    model("codestral-latest", 262_144, 0, Never, TEXT),
    model("devstral-latest", 262_144, 0, Never, TEXT),
    model("magistral-medium-latest", 131_072, 0, Unknown, SEES),
    model("magistral-small-latest", 131_072, 0, Unknown, SEES),
    model("ministral-8b-latest", 131_072, 0, Never, SEES),
    model("ministral-3b-latest", 131_072, 0, Never, SEES),
    model("pixtral-large-latest", 131_072, 0, Never, SEES),
    // <https://www.llama.com>
    model("llama-3.3-70b", 131_072, 32_768, Never, TEXT),
    family("llama-3.1-8b", 131_072, 131_072, Never, TEXT),
    model("llama-4-maverick", 1_048_576, 8_192, Never, SEES),
    model("llama-4-scout", 131_072, 8_192, Never, SEES),
    // <https://cloud.baidu.com/doc/qianfan>, <https://cloud.tencent.com/document/product/1729>
    model("ernie-4.5-turbo-128k", 131_072, 12_288, Never, TEXT),
    model("hunyuan-turbos-latest", 32_768, 16_384, Never, TEXT),
];
