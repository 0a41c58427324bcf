//! Inline media: data URLs, and the type that base64 begins with.

/// Media type and base64 of a data URL.
pub fn data_url(url: &str) -> Option<(&str, &str)> {
    let (head, data) = url.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    Some((mime.split(';').next().unwrap_or(mime), data))
}

/// The type of an image whose protocol does not say it. PNG unless its first bytes are another's.
pub fn sniff_image(base64: &str) -> &'static str {
    match base64.get(..4) {
        Some("/9j/") => "image/jpeg",
        Some("UklG") => "image/webp",
        Some("R0lG") => "image/gif",
        _ => "image/png",
    }
}
