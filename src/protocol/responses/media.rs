//! Images, files and audio as Responses spells them.

use serde_json::value::RawValue;

use crate::ir::{Media, Part, PartKind, Protocol, Source};
use crate::json::{self, JsonError, Text};
use crate::protocol::media::data_url;

/// The members of `input_image`, `input_file` and `input_audio`.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct MediaWire<'a> {
    #[serde(borrow)]
    image_url: Option<Text<'a>>,
    #[serde(borrow)]
    file_id: Option<Text<'a>>,
    #[serde(borrow)]
    filename: Option<Text<'a>>,
    #[serde(borrow)]
    file_data: Option<Text<'a>>,
    #[serde(borrow)]
    file_url: Option<Text<'a>>,
    #[serde(borrow)]
    input_audio: Option<&'a RawValue>,
}

#[derive(serde::Deserialize)]
struct Audio<'a> {
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    format: Text<'a>,
}

pub(super) fn decode(kind: &str, wire: MediaWire<'_>) -> Result<Part, JsonError> {
    let name = wire.filename.map(String::from);
    let file = |mime: &str, id: Text<'_>, name| Media {
        mime: mime.to_owned(),
        source: Source::File { owner: Protocol::Responses, id: id.into() },
        name,
    };
    let media = match (kind, wire.image_url, wire.file_data, wire.file_url, wire.file_id, wire.input_audio) {
        // A remote image does not say which kind it is, only that it is one.
        ("input_image", Some(url), ..) => of_url(&url, "image/*", name).map_err(|e| e.within("image_url"))?,
        ("input_image", .., Some(id), _) => file("image/*", id, name),
        ("input_file", _, Some(data), ..) => of_data(&data, name).map_err(|e| e.within("file_data"))?,
        ("input_file", _, _, Some(url), ..) => {
            let mime = mime_of_name(&url).unwrap_or_default();
            of_url(&url, mime, name).map_err(|e| e.within("file_url"))?
        }
        ("input_file", .., Some(id), _) => file("", id, name),
        ("input_audio", .., Some(audio)) => {
            let Audio { data, format } = json::decode(audio.get().as_bytes()).map_err(|e| e.within("input_audio"))?;
            Media { mime: format!("audio/{}", &*format), source: Source::Base64(data.into()), name }
        }
        _ => return Err(JsonError::new("", format!("{kind} names no content"))),
    };
    Ok(PartKind::Media(media).into())
}

fn of_url(url: &str, mime: &str, name: Option<String>) -> Result<Media, JsonError> {
    if url.starts_with("data:") {
        let (mime, data) = data_url(url).ok_or_else(|| JsonError::new("", "not a base64 data URL"))?;
        return Ok(Media { mime: mime.to_owned(), source: Source::Base64(data.to_owned()), name });
    }
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(JsonError::new("", "neither a data URL nor an http(s) URL"));
    }
    Ok(Media { mime: mime.to_owned(), source: Source::Url(url.to_owned()), name })
}

/// `file_data` is a data URL, or bare base64 whose type only the file name tells.
fn of_data(data: &str, name: Option<String>) -> Result<Media, JsonError> {
    if data.starts_with("data:") {
        return of_url(data, "", name);
    }
    let mime = name.as_deref().and_then(mime_of_name).unwrap_or("application/pdf");
    Ok(Media { mime: mime.to_owned(), source: Source::Base64(data.to_owned()), name })
}

fn mime_of_name(name: &str) -> Option<&'static str> {
    let path = name.split(['?', '#']).next().unwrap_or(name);
    let (_, extension) = path.rsplit_once('.')?;
    let table = [
        ("pdf", "application/pdf"),
        ("txt", "text/plain"),
        ("md", "text/markdown"),
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("json", "application/json"),
        ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ];
    table.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)).map(|(_, mime)| *mime)
}

/// A name for a file that has none: the wire demands one beside inline data.
pub(super) fn file_name(mime: &str) -> &'static str {
    match mime {
        "application/pdf" => "document.pdf",
        "text/csv" => "document.csv",
        "text/markdown" => "document.md",
        "application/json" => "document.json",
        mime if mime.starts_with("text/") => "document.txt",
        _ => "document.bin",
    }
}
