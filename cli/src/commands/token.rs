//! `token new`: a token, shown once, and the entry that makes it count. Nothing is kept of it here.

use access::{Fingerprint, new_token};
use anyhow::{Result, anyhow};
use chrono_tz::Tz;
use storage::{Clock, WallClock};

use super::print;
use crate::advice::Advice;
use crate::flags::TokenArgs;
use crate::outcome::Outcome;

/// Prints it.
pub(super) fn new(args: TokenArgs) -> Result<Outcome> {
    let token = new_token(rand::random());
    let quoted = |text: &dyn ToString| toml::Value::String(text.to_string()).to_string();
    let list = |texts: Vec<String>| format!("[{}]", texts.join(", "));
    let mut entry = format!("[[access]]\nname = {}\ntoken = \"{}\"\n", quoted(&args.name), Fingerprint::of(&token));
    entry += &format!("scope = {}\n", list(args.scope.iter().map(|scope| quoted(scope)).collect()));
    if !args.services.is_empty() {
        entry += &format!("services = {}\n", list(args.services.iter().map(|pattern| quoted(pattern)).collect()));
    }
    if let Some(expires) = args.expires {
        let expires = expires.resolve(WallClock::new().now(), Tz::UTC).map_err(|error| anyhow!("{error}"))?;
        entry += &format!("expires = {}\n", quoted(&expires));
    }
    access::check(&entry)
        .map_err(|problem| anyhow!(problem).advise("give it another --name, --scope or --services"))?;
    print(format!("{}\n\n# The token stands above this once. For access.file:\n{entry}", token.expose()).as_bytes())
}
