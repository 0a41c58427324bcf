//! When a provider says to come back: every header and body form of a reset time.
