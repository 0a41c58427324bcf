//! OpenAi.
