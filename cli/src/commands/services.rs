//! `services`: who ever sent, first and last, and how much.

use std::io::Write;

use anyhow::Result;
use views::{ServiceSeen, quoted};

use crate::answer::{aligned, clock};
use crate::config::Settings;
use crate::flags::{ListFormat, ServicesArgs};
use crate::open::Place;
use crate::outcome::Outcome;
use crate::progress::note;
use crate::stdout::Stdout;

/// Runs `services`.
pub(super) async fn run(args: ServicesArgs, settings: Settings) -> Result<Outcome> {
    let place = Place::existing(&settings).await?;
    let (seen, _) = views::services(&place.reader()).await?;
    let mut out = Stdout::new();
    match args.format {
        ListFormat::Table => {
            let zone = args.tz;
            let header =
                ["service".to_owned(), format!("first ({zone})"), format!("last ({zone})"), "messages".to_owned()];
            let cells = |one: &ServiceSeen| {
                let [first, last] = [one.first, one.last].map(|minute| clock(minute.start(), zone));
                vec![one.service.to_string(), first, last, one.messages.to_string()]
            };
            writeln!(out, "{}", aligned(header.to_vec(), seen.iter().map(cells), 3))?;
        }
        ListFormat::Csv => {
            writeln!(out, "service,first,last,msg_num")?;
            for ServiceSeen { service, first, last, messages } in &seen {
                writeln!(out, "{},{},{},{messages}", quoted(service), first.start(), last.start())?;
            }
        }
        ListFormat::Json => {
            let all: Vec<_> = seen.iter().map(object).collect();
            writeln!(out, "{}", serde_json::Value::Array(all))?;
        }
        ListFormat::Ndjson => {
            for one in &seen {
                writeln!(out, "{}", object(one))?;
            }
        }
    }
    out.finish()?;
    if seen.is_empty() {
        note("no service has sent yet");
    }
    Ok(Outcome::Fine)
}

fn object(seen: &ServiceSeen) -> serde_json::Value {
    serde_json::json!({
        "service": seen.service.as_str(),
        "first": seen.first.start().to_string(),
        "last": seen.last.start().to_string(),
        "msg_num": seen.messages,
    })
}
