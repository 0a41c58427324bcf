//! A form with files (`multipart/form-data`), read in place.
//! <https://www.rfc-editor.org/rfc/rfc7578>

use std::ops::Range;

use memchr::memmem;

/// More than the 16 images and a dozen members that any endpoint takes.
const FIELDS: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    /// Of a file.
    pub mime: Option<String>,
    /// Where its bytes are in the body.
    pub span: Range<usize>,
}

/// The fields of `body`; `None` when it is not a form, or has no end.
pub fn fields(content_type: &str, body: &[u8]) -> Option<Vec<Field>> {
    let boundary = format!("--{}", boundary(content_type)?);
    let mut at = memmem::find(body, boundary.as_bytes())? + boundary.len();
    let mut fields = Vec::new();
    while !body.get(at..)?.starts_with(b"--") {
        let head = at + 2;
        let start = head + memmem::find(body.get(head..)?, b"\r\n\r\n")? + 4;
        let delimiter = format!("\r\n{boundary}");
        let end = start + memmem::find(body.get(start..)?, delimiter.as_bytes())?;
        let lines = String::from_utf8_lossy(body.get(head..start)?);
        if fields.len() == FIELDS {
            return None;
        }
        fields.extend(field(&lines, start..end));
        at = end + delimiter.len();
    }
    Some(fields)
}

pub fn is_form(content_type: &str) -> bool {
    content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

fn boundary(content_type: &str) -> Option<&str> {
    let kind = content_type.split(';').find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("boundary").then(|| value.trim_matches('"'))
    });
    kind.filter(|boundary| is_form(content_type) && (1..=70).contains(&boundary.len()))
}

fn field(lines: &str, span: Range<usize>) -> Option<Field> {
    let header = |wanted: &str| {
        lines.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let name = header("content-disposition")?.split(';').find_map(|parameter| {
        let value = parameter.trim().strip_prefix("name=")?;
        Some(value.trim_matches('"').to_owned())
    });
    Some(Field { name: name?, mime: header("content-type").map(str::to_owned), span })
}
