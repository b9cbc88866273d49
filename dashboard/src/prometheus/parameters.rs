//! The parameters of a request: behind the `?`, and in the form that a POST brings.
//!
//! What must hold: as in Prometheus, a form's value goes before the address's, a name may stand there more than once
//! where it is a list, and a name nobody knows is ignored. A body is bounded before it is read.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{Method, header};
use promql_parser::util::parse_duration;
use schema::Micros;

use super::failure::Failure;
use super::steps::Steps;

/// Bytes of a form.
const FORM: usize = 1 << 20;
/// Milliseconds from 1970, either way, beyond which no time is told apart from another.
const FAR: f64 = 9e15;

/// What a request says.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(Vec<(String, String)>);

impl<S: Sync> FromRequest<S> for Parameters {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let mut parameters = Self::default();
        if parts.method == Method::POST && kind.starts_with("application/x-www-form-urlencoded") {
            let form = to_bytes(body, FORM).await;
            parameters.take(&form.map_err(|_| Failure::bad_data(format!("the form has more than {FORM} bytes")))?);
        }
        parameters.take(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(parameters)
    }
}

impl Parameters {
    fn take(&mut self, encoded: &[u8]) {
        self.0.extend(form_urlencoded::parse(encoded).into_owned());
    }

    /// Each value of a list.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A value, if it is given and not empty.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).next().filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Failure> {
        self.one(name).ok_or_else(|| Failure::bad_data(format!("parameter {name:?} is missing")))
    }

    /// A time in milliseconds since 1970: seconds, or RFC 3339.
    pub(super) fn time(&self, name: &str) -> Result<Option<i64>, Failure> {
        let Some(text) = self.one(name) else { return Ok(None) };
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
        let millis = seconds
            .map(|seconds| (seconds * 1000.0).round().clamp(-FAR, FAR) as i64)
            .or_else(|| Some(text.parse::<Micros>().ok()?.get().div_euclid(1000)));
        let wrong = || {
            Failure::bad_data(format!(
                "invalid parameter {name:?}: {text:?} is neither seconds since 1970 nor RFC 3339"
            ))
        };
        millis.map(Some).ok_or_else(wrong)
    }

    /// A count; absent or 0 is no limit.
    pub(super) fn limit(&self, name: &str) -> Result<usize, Failure> {
        let Some(text) = self.one(name) else { return Ok(usize::MAX) };
        let count: usize = text
            .parse()
            .map_err(|_| Failure::bad_data(format!("invalid parameter {name:?}: {text:?} is not a count")))?;
        Ok(if count == 0 { usize::MAX } else { count })
    }

    /// `start`, `end` and `step`.
    pub(super) fn steps(&self) -> Result<Steps, Failure> {
        let [start, end] = ["start", "end"].map(|name| {
            self.required(name)?;
            self.time(name)
        });
        let (start, end) = (start?.unwrap_or_default(), end?.unwrap_or_default());
        Steps::over(start, end, self.step()?)
    }

    /// `step` in milliseconds: seconds, or a duration.
    fn step(&self) -> Result<i64, Failure> {
        let text = self.required("step")?;
        let wrong =
            || Failure::bad_data(format!("invalid parameter \"step\": {text:?} is no duration, as in 15 or 1m"));
        match text.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() => Ok((seconds * 1000.0).round().clamp(-FAR, FAR) as i64),
            Ok(_) => Err(wrong()),
            Err(_) => Ok(millis(parse_duration(text).map_err(|_| wrong())?)),
        }
    }
}

/// A duration in milliseconds, at most what times are clamped to.
pub(super) fn millis(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).min(FAR as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Parameters {
        let mut parameters = Parameters::default();
        parameters.take(text.as_bytes());
        parameters
    }

    #[test]
    fn a_time_is_seconds_or_rfc_3339_and_nothing_else() {
        for (text, millis) in [
            ("0", 0),
            ("1763715600.1234", 1_763_715_600_123),
            ("-1.5", -1500),
            ("1e3", 1_000_000),
            ("2025-11-21T09:00:00.123Z", 1_763_715_600_123),
            ("1e300", FAR as i64),
        ] {
            assert_eq!(parameters(&format!("time={text}")).time("time"), Ok(Some(millis)), "{text}");
        }
        assert_eq!(parameters("time=").time("time"), Ok(None));
        for text in ["NaN", "inf", "yesterday", "2025-11-21"] {
            assert!(parameters(&format!("time={text}")).time("time").is_err(), "{text}");
        }
    }

    #[test]
    fn steps_need_all_three_and_a_step_forward() {
        let steps = |text| parameters(text).steps().map(|steps| steps.times());
        assert_eq!(steps("start=0&end=2.5&step=1"), Ok(vec![0, 1000, 2000]));
        assert_eq!(steps("start=0&end=3600&step=1h"), Ok(vec![0, 3_600_000]));
        assert_eq!(steps("start=5&end=5&step=1"), Ok(vec![5000]));
        assert_eq!(steps("start=0&end=11000&step=1").map(|times| times.len()), Ok(11_001));
        for text in [
            "start=0&end=1",
            "start=0&step=1",
            "end=1&step=1",
            "start=1&end=0&step=1",
            "start=0&end=1&step=0",
            "start=0&end=1&step=-1",
            "start=0&end=1&step=NaN",
            "start=0&end=1&step=soon",
            "start=0&end=11001&step=1",
            "start=-1e300&end=1e300&step=0.001",
        ] {
            assert!(steps(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_form_goes_before_the_address() {
        let mut both = parameters("query=form&match[]=a");
        both.take(b"query=address&match[]=b&limit=0");
        assert_eq!(both.one("query"), Some("form"));
        assert_eq!(both.all("match[]").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(both.limit("limit"), Ok(usize::MAX));
        assert!(parameters("limit=-1").limit("limit").is_err());
    }
}
