//! Answers in Prometheus' form: `{"status":"success","data":…}`.
//!
//! Enters: what was found. Leaves: JSON; a sample is `[seconds, "value"]`, a value the shortest text that reads back as
//! the same double. What must hold: series of a range are sorted by their labels, those of a moment stand as they were
//! evaluated.

use std::fmt::Write;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::labels::Labels;
use super::vector::{Series, Value};

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Success {
    /// JSON.
    data: String,
    /// How many of how many are in it, if not all.
    cut: Option<(usize, usize)>,
}

impl Success {
    /// Any JSON.
    pub(super) fn of(data: &serde_json::Value) -> Self {
        Self { data: data.to_string(), cut: None }
    }

    /// The first of a list, up to `limit`.
    pub(super) fn list<T>(mut list: Vec<T>, limit: usize) -> Self
    where
        serde_json::Value: From<Vec<T>>,
    {
        let cut = (list.len() > limit).then_some((limit, list.len()));
        list.truncate(limit);
        Self { cut, ..Self::of(&list.into()) }
    }

    /// A string.
    pub(super) fn text(time: i64, text: &str) -> Self {
        Self::result("string", format!("[{},{}]", Seconds(time), quoted(text)))
    }

    /// Values at one time.
    pub(super) fn moment(time: i64, value: Value) -> Self {
        let mut result = String::new();
        match value {
            Value::Scalar(numbers) => {
                sample(&mut result, time, numbers.first().copied().unwrap_or(f64::NAN));
                Self::result("scalar", result)
            }
            Value::Vector(series) => {
                let there = series.iter().filter_map(|one| Some((&one.labels, (*one.points.first()?)?)));
                bracketed(&mut result, there, |out, (labels, value)| {
                    metric(out, labels);
                    out.push_str(",\"value\":");
                    sample(out, time, value);
                    out.push('}');
                });
                Self::result("vector", result)
            }
        }
    }

    /// Values at each time.
    pub(super) fn range(times: &[i64], value: Value) -> Self {
        let mut series = match value {
            Value::Scalar(numbers) => {
                let points = numbers.into_iter().map(Some).collect();
                vec![Series { labels: Labels::default(), points }]
            }
            Value::Vector(series) => series,
        };
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        Self::matrix(series.iter().map(|one| {
            let points = times.iter().zip(&one.points);
            (&one.labels, points.filter_map(|(time, point)| Some((*time, (*point)?))))
        }))
    }

    /// Samples, by series; one without any is left out.
    pub(super) fn matrix<'a, P>(series: impl Iterator<Item = (&'a Labels, P)>) -> Self
    where
        P: Iterator<Item = (i64, f64)>,
    {
        let mut result = String::new();
        let there = series.filter_map(|(labels, points)| {
            let mut points = points.peekable();
            points.peek().is_some().then_some((labels, points))
        });
        bracketed(&mut result, there, |out, (labels, points)| {
            metric(out, labels);
            out.push_str(",\"values\":");
            bracketed(out, points, |out, (time, value)| sample(out, time, value));
            out.push('}');
        });
        Self::result("matrix", result)
    }

    fn result(kind: &str, result: String) -> Self {
        Self { data: format!("{{\"resultType\":\"{kind}\",\"result\":{result}}}"), cut: None }
    }
}

impl IntoResponse for Success {
    fn into_response(self) -> Response {
        let warned = match self.cut {
            Some((limit, all)) => format!(",\"warnings\":[\"the first {limit} of {all}, as limit says\"]"),
            None => String::new(),
        };
        let body = format!("{{\"status\":\"success\",\"data\":{}{warned}}}\n", self.data);
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        ];
        (headers, body).into_response()
    }
}

/// A time, as seconds with as many decimals as it needs: none or three.
struct Seconds(i64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, millis) = (self.0.unsigned_abs() / 1000, self.0.unsigned_abs() % 1000);
        f.write_str(if self.0 < 0 { "-" } else { "" })?;
        if millis == 0 { write!(f, "{seconds}") } else { write!(f, "{seconds}.{millis:03}") }
    }
}

fn sample(out: &mut String, time: i64, value: f64) {
    let time = Seconds(time);
    // To a String that does not fail.
    let _ = match value.is_infinite() {
        true => write!(out, "[{time},\"{}Inf\"]", if value > 0.0 { '+' } else { '-' }),
        false => write!(out, "[{time},\"{value}\"]"),
    };
}

/// Opens an object with a series' labels.
fn metric(out: &mut String, labels: &Labels) {
    let pairs: Vec<String> = labels.pairs().map(|(label, value)| format!("\"{label}\":{}", quoted(value))).collect();
    // To a String that does not fail.
    let _ = write!(out, "{{\"metric\":{{{}}}", pairs.join(","));
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A list.
fn bracketed<T>(out: &mut String, items: impl Iterator<Item = T>, item: impl Fn(&mut String, T)) {
    out.push('[');
    for (place, one) in items.enumerate() {
        out.push_str(if place == 0 { "" } else { "," });
        item(out, one);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(service: &str, points: &[Option<f64>]) -> Series {
        Series { labels: Labels { name: None, service: Some(service.into()) }, points: points.to_vec() }
    }

    #[test]
    fn answers_have_prometheus_shape() {
        let vector = Value::Vector(vec![series("b\"", &[Some(1.0)]), series("a", &[None])]);
        assert_eq!(
            Success::moment(1_500, vector).data,
            r#"{"resultType":"vector","result":[{"metric":{"service":"b\""},"value":[1.500,"1"]}]}"#
        );
        let scalar = Value::Scalar(vec![f64::NEG_INFINITY]);
        assert_eq!(Success::moment(60_000, scalar).data, r#"{"resultType":"scalar","result":[60,"-Inf"]}"#);
        let range = Value::Vector(vec![
            series("b", &[Some(1e21), Some(f64::NAN)]),
            series("c", &[None, None]),
            series("a", &[None, Some(-1e-7)]),
        ]);
        assert_eq!(
            Success::range(&[0, 1], range).data,
            concat!(
                r#"{"resultType":"matrix","result":[{"metric":{"service":"a"},"values":[[0.001,"-0.0000001"]]},"#,
                r#"{"metric":{"service":"b"},"values":[[0,"1000000000000000000000"],[0.001,"NaN"]]}]}"#
            )
        );
        let numbers = Value::Scalar(vec![f64::INFINITY]);
        assert_eq!(
            Success::range(&[-500], numbers).data,
            r#"{"resultType":"matrix","result":[{"metric":{},"values":[[-0.500,"+Inf"]]}]}"#
        );
        assert_eq!(Success::text(0, "a\n").data, r#"{"resultType":"string","result":[0,"a\n"]}"#);
    }
}
