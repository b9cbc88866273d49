//! The format of an answer: by name (`format=`), else by what the client accepts, else JSON.

use axum::http::{HeaderMap, HeaderValue, header};
use utoipa::openapi::schema::Object;
use views::Format;

use super::parameters::one_of;
use crate::problem::Problem;

/// A format, its name in an address, its media type.
const FORMATS: [(Format, &str, &str); 5] = [
    (Format::Json, "json", "application/json"),
    (Format::Csv, "csv", "text/csv; charset=utf-8; header=present"),
    (Format::Ndjson, "ndjson", "application/x-ndjson"),
    (Format::Parquet, "parquet", "application/vnd.apache.parquet"),
    (Format::Arrow, "arrow", "application/vnd.apache.arrow.stream"),
];

/// The format asked for.
///
/// # Errors
/// Another name; a client that accepts none of ours.
pub(crate) fn asked(name: Option<&str>, headers: &HeaderMap) -> Result<Format, Problem> {
    if let Some(name) = name {
        let found = FORMATS.iter().find(|(_, known, _)| *known == name);
        return found
            .map(|(format, ..)| *format)
            .ok_or_else(|| Problem::bad_request(format!("format={name}: {}", known())));
    }
    let Some(accepted) = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok()) else {
        return Ok(Format::Json);
    };
    let found = accepted.split(',').find_map(|range| {
        let range = range.split(';').next().unwrap_or_default().trim();
        let matches = |media: &str| range == "*/*" || media.split(';').next() == Some(range);
        FORMATS.iter().find(|(.., media)| matches(media))
    });
    found.map(|(format, ..)| *format).ok_or_else(|| Problem::not_acceptable(format!("Accept: {accepted}: {}", known())))
}

/// Its media type.
pub(crate) fn media(format: Format) -> HeaderValue {
    let found = FORMATS.iter().find(|(known, ..)| *known == format);
    HeaderValue::from_static(found.map_or("application/octet-stream", |(.., media)| media))
}

/// Their names, described.
pub(crate) fn schema() -> Object {
    one_of(&FORMATS.map(|(_, name, _)| name))
}

fn known() -> String {
    let known: Vec<String> = FORMATS.iter().map(|(_, name, media)| format!("{name} ({media})")).collect();
    format!("must be one of {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepting(text: &'static str) -> Result<Format, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(text));
        asked(None, &headers)
    }

    #[test]
    fn a_name_goes_before_what_is_accepted_and_json_is_the_default() {
        assert_eq!(asked(Some("csv"), &HeaderMap::new()), Ok(Format::Csv));
        assert_eq!(asked(None, &HeaderMap::new()), Ok(Format::Json));
        assert_eq!(accepting("*/*"), Ok(Format::Json));
        assert_eq!(accepting("text/html, text/csv;q=0.9"), Ok(Format::Csv));
        assert_eq!(accepting("application/x-ndjson"), Ok(Format::Ndjson));
        assert!(accepting("image/png").is_err());
        assert!(asked(Some("xml"), &HeaderMap::new()).is_err());
    }
}
