//! Models as Ollama tells of them: files on a disk, which these are not. What has no meaning here is empty.

use sha2::{Digest, Sha256};

use super::{CREATED_AT, Listed};
use crate::catalogue::Modality;
use crate::json::{Object, write_str};

/// An entry of `/api/tags`.
pub(super) fn summary(model: &Listed, out: &mut Vec<u8>) {
    let mut item = Object::begin(out);
    item.str("name", &model.id);
    item.str("model", &model.id);
    item.str("modified_at", CREATED_AT);
    item.u64("size", 0);
    item.str("digest", &digest(&model.id));
    details(family(&model.id), item.key("details"));
    item.end();
}

/// The answer of `/api/show`.
pub(super) fn show(model: &Listed) -> Vec<u8> {
    let family = family(&model.id);
    let mut out = Vec::with_capacity(512);
    let mut item = Object::begin(&mut out);
    for name in ["modelfile", "parameters", "template", "license"] {
        item.str(name, "");
    }
    item.str("modified_at", CREATED_AT);
    details(family, item.key("details"));
    let mut info = Object::begin(item.key("model_info"));
    info.str("general.architecture", family);
    info.str("general.basename", bare(&model.id));
    if let Some(context) = model.context() {
        info.u64(&format!("{family}.context_length"), context);
    }
    info.end();
    item.value("capabilities", &capabilities(model));
    item.end();
    out
}

/// Clients hide what they think a model cannot do. Nearly every model takes tools; the others say so when asked.
fn capabilities(model: &Listed) -> Vec<&'static str> {
    if model.embeds() {
        return vec!["embedding"];
    }
    let seen = model.takes(Modality::Image).then_some("vision");
    let thinks = model.thinks().then_some("thinking");
    ["completion", "tools"].into_iter().chain(seen).chain(thinks).collect()
}

fn details(family: &str, out: &mut Vec<u8>) {
    let mut details = Object::begin(out);
    details.str("parent_model", "");
    details.str("format", "");
    details.str("family", family);
    let families = details.key("families");
    families.push(b'[');
    write_str(family, families);
    families.push(b']');
    details.str("parameter_size", "");
    details.str("quantization_level", "");
    details.end();
}

/// A model's name without label, vendor and tag.
fn bare(id: &str) -> &str {
    let name = id.rsplit(['/', ']']).next().unwrap_or_default().trim_start();
    name.split(':').next().unwrap_or_default()
}

fn family(id: &str) -> &str {
    bare(id).split('-').next().unwrap_or_default()
}

/// Of the name: there is no file, and clients take models of one digest for one model.
fn digest(id: &str) -> String {
    Sha256::digest(id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
