//! Contents of every kind: a picture, a sound, embedded resources.

use rmcp::model::{ContentBlock, ResourceContents};

/// A picture of one red pixel.
pub(crate) fn image() -> ContentBlock {
    ContentBlock::image(RED_PIXEL, "image/png")
}

/// A sound of one silent sample.
pub(crate) fn audio() -> ContentBlock {
    ContentBlock::audio(SILENCE, "audio/wav")
}

/// A text embedded as a resource.
pub(crate) fn embedded(uri: &str, mime_type: &str, text: &str) -> ContentBlock {
    ContentBlock::resource(text_resource(uri, mime_type, text))
}

/// A text as the contents of a resource.
pub(crate) fn text_resource(uri: &str, mime_type: &str, text: &str) -> ResourceContents {
    ResourceContents::TextResourceContents {
        uri: uri.to_owned(),
        mime_type: Some(mime_type.to_owned()),
        text: text.to_owned(),
        meta: None,
    }
}

/// The picture as the contents of a resource.
pub(crate) fn image_resource(uri: &str) -> ResourceContents {
    ResourceContents::BlobResourceContents {
        uri: uri.to_owned(),
        mime_type: Some("image/png".to_owned()),
        blob: RED_PIXEL.to_owned(),
        meta: None,
    }
}

/// PNG, one pixel, RGB, in base64.
const RED_PIXEL: &str = concat!(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQm",
    "CC",
);

/// WAV, one sample of 16 bits at 8 kHz, in base64.
const SILENCE: &str = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQIAAAAAAA==";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_are_what_their_types_say() {
        assert!(RED_PIXEL.starts_with("iVBORw0KGgo"), "the signature of PNG in base64");
        assert!(SILENCE.starts_with("UklGR"), "RIFF in base64");
        for encoded in [RED_PIXEL, SILENCE] {
            assert_eq!(encoded.len() % 4, 0, "whole groups of base64");
        }
    }
}
